// Reads the headers of a 64-bit program for macOS: <mach-o/loader.h> and <mach-o/nlist.h>.

import assert from 'node:assert/strict';

const MAGIC = 0xfeedfacf;
const HEADER = 32;
const SYMBOL = 16;

const PROCESSORS: Record<number, string> = { 16777228: 'arm64', 16777223: 'x64' };

/** Types of load commands. */
const LC_SYMTAB = 0x2;
const LC_LOAD_DYLIB = 0xc;
const LC_BUILD_VERSION = 0x32;

/** Masks and values of n_type. */
const N_STAB = 0xe0;
const N_PEXT = 0x10;
const N_TYPE = 0x0e;
const N_EXT = 0x01;

/** n_desc's upper half has the library's number, or this value: any library may have the symbol. */
const DYNAMIC_LOOKUP = 0xfe;

export interface MachO {
  processor: string | undefined;
  /** The oldest macOS that the program runs on: '13.0'. */
  oldest: string | undefined;
  /** The paths of the libraries that the program loads. */
  libraries: string[];
  /** The symbols that the program needs, without C's underscore. A library of null means any. */
  imports: [symbol: string, library: string | null][];
  exports: string[];
}

export function readMachO(file: Buffer): MachO {
  assert.equal(file.readUInt32LE(0), MAGIC);
  const machO: MachO = {
    processor: PROCESSORS[file.readUInt32LE(4)],
    oldest: undefined,
    libraries: [],
    imports: [],
    exports: [],
  };
  let symbols = 0;
  for (let at = HEADER, n = file.readUInt32LE(16); n > 0; n--, at += file.readUInt32LE(at + 4)) {
    const command = file.readUInt32LE(at);
    if (command === LC_LOAD_DYLIB) machO.libraries.push(text(file, at + file.readUInt32LE(at + 8)));
    if (command === LC_BUILD_VERSION) {
      machO.oldest = `${file.readUInt16LE(at + 14)}.${file.readUInt8(at + 13)}`;
    }
    if (command === LC_SYMTAB) symbols = at;
  }
  assert(symbols > 0, 'no symbols');
  readSymbols(file, symbols, machO);
  return machO;
}

function readSymbols(file: Buffer, command: number, { libraries, imports, exports }: MachO): void {
  const [from = 0, count = 0, names = 0] = [8, 12, 16].map((at) => file.readUInt32LE(command + at));
  for (let at = from; at < from + count * SYMBOL; at += SYMBOL) {
    const type = file.readUInt8(at + 4);
    if ((type & N_EXT) === 0 || (type & (N_STAB | N_PEXT)) !== 0) continue;
    const name = text(file, names + file.readUInt32LE(at)).slice(1);
    const library = file.readUInt8(at + 7);
    if ((type & N_TYPE) !== 0) exports.push(name);
    else imports.push([name, library === DYNAMIC_LOOKUP ? null : (libraries[library - 1] ?? '')]);
  }
}

function text(file: Buffer, at: number): string {
  return file.toString('latin1', at, file.indexOf(0, at));
}
