// Reads passwords: all of stdin, or lines at a prompt that shows nothing of them. A password is never
// an argument of the command: every process can read those.
//
// The prompt uses Node's raw mode and edits the line itself. Node cannot switch off the echo alone.

import { openSync } from 'node:fs';
import { ReadStream, WriteStream } from 'node:tty';
import { MAX_PASSWORD_BYTES } from '../credentials.js';
import { printable } from '../errors.js';
import { UsageError } from './usage.js';

const LF = 0x0a;
const CR = 0x0d;
const ENTER = [LF, CR];
/** The keys Ctrl-C and Ctrl-\, and the signals that a terminal sends for them. */
const SIGNAL_KEYS = new Map<number, NodeJS.Signals>([
  [0x03, 'SIGINT'],
  [0x1c, 'SIGQUIT'],
]);
const CTRL_D = 0x04;
const CTRL_U = 0x15;
const CTRL_W = 0x17;
const CTRL_Z = 0x1a;
const SPACE = 0x20;
const BACKSPACE = [0x08, 0x7f];

/** kpass sends no password of this length, so `readLine` drops the bytes after it. */
const MAX_BYTES = 4096;

/** The password's bytes. The caller must wipe them. */
export function readPassword(user: string, fromStdin: boolean): Promise<Buffer> {
  return fromStdin ? readStdin() : prompt(`Password of ${printable(user)}: `);
}

/** The old password and the new one, as bytes. The caller must wipe both. */
export function readOldAndNew(user: string, fromStdin: boolean): Promise<[Buffer, Buffer]> {
  return fromStdin ? readTwoLines() : promptForBoth(printable(user));
}

async function promptForBoth(user: string): Promise<[Buffer, Buffer]> {
  const old = await prompt(`Old password of ${user}: `);
  const fresh = await prompt(`New password of ${user}: `);
  const again = await prompt('New password again: ');
  const same = fresh.equals(again);
  again.fill(0);
  if (same) return [old, fresh];
  old.fill(0);
  fresh.fill(0);
  throw new UsageError('the new passwords differ');
}

/** The value that the user's token shows, from the terminal. */
export async function readToken(user: string): Promise<string> {
  const typed = await prompt(`Token of ${printable(user)}: `);
  const token = typed.toString();
  typed.fill(0);
  return token;
}

/** All of stdin, without one end of line. */
async function readStdin(): Promise<Buffer> {
  const all = await readAll(MAX_PASSWORD_BYTES);
  const password = withoutEnd(all);
  if (password.length <= MAX_PASSWORD_BYTES) return password;
  all.fill(0);
  throw tooLong();
}

/** Two lines of stdin: the old password and the new one. */
async function readTwoLines(): Promise<[Buffer, Buffer]> {
  const all = await readAll(2 * MAX_PASSWORD_BYTES + '\r\n'.length);
  const lines = withoutEnd(all);
  const end = lines.indexOf(LF);
  const [old, fresh] = [withoutEnd(lines.subarray(0, end + 1)), lines.subarray(end + 1)];
  const tooMuch = Math.max(old.length, fresh.length) > MAX_PASSWORD_BYTES;
  if (end >= 0 && !fresh.includes(LF) && !tooMuch) return [old, fresh];
  all.fill(0);
  throw tooMuch
    ? tooLong()
    : new UsageError('stdin must have two lines: the old password, the new one');
}

/** All of stdin; a few bytes more than `most` if it has more. */
async function readAll(most: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of process.stdin) {
    chunks.push(chunk as Buffer);
    length += chunk.length;
    if (length > most + '\r\n'.length) break;
  }
  const all = Buffer.concat(chunks);
  for (const chunk of chunks) chunk.fill(0);
  return all;
}

function tooLong(): UsageError {
  return new UsageError(`stdin has more than a password's ${MAX_PASSWORD_BYTES} bytes`);
}

/** Windows ends a line with CR and LF. A CR alone is a part of the password. */
function withoutEnd(bytes: Buffer): Buffer {
  if (bytes.at(-1) !== LF) return bytes;
  return bytes.subarray(0, bytes.at(-2) === CR ? -2 : -1);
}

interface Terminal {
  input: ReadStream;
  output: WriteStream;
  close(): void;
}

/** The terminal of the command, even if stdin is a file or a pipe. */
function terminal(): Terminal {
  try {
    const fd = openSync('/dev/tty', 'r+');
    const input = new ReadStream(fd);
    const output = new WriteStream(fd);
    return { input, output, close: () => input.destroy() };
  } catch {
    if (process.stdin.isTTY) {
      const input = process.stdin as ReadStream;
      return { input, output: process.stderr as WriteStream, close: () => input.pause() };
    }
    throw new UsageError(
      'no terminal for a password prompt: give the password on stdin, with --password-stdin',
    );
  }
}

async function prompt(question: string): Promise<Buffer> {
  const { input, output, close } = terminal();
  const restore = () => {
    input.setRawMode(false);
  };
  // In raw mode the terminal shows nothing, and Ctrl-C arrives as a byte. Signals from other processes
  // must restore the terminal too.
  const end = (signal: NodeJS.Signals) => {
    restore();
    output.write('\n');
    for (const each of SIGNALS) process.off(each, end);
    process.kill(process.pid, signal);
  };
  // A stopped process must leave the terminal to the shell. It goes on here after SIGCONT.
  const pause = () => {
    restore();
    output.write('\n');
    process.kill(process.pid, 'SIGSTOP');
    input.setRawMode(true);
    output.write(question);
  };
  for (const signal of SIGNALS) process.on(signal, end);
  process.on('SIGTSTP', pause);
  input.setRawMode(true);
  output.write(question);
  try {
    const line = await readLine(input);
    if (Buffer.isBuffer(line)) return line;
    end(line);
    return await new Promise(() => {}); // the signal ends the process
  } finally {
    restore();
    output.write('\n');
    for (const signal of SIGNALS) process.off(signal, end);
    process.off('SIGTSTP', pause);
    close();
  }
}

const SIGNALS = ['SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGHUP'] as const;

/** The bytes before Enter, edited as a terminal does it; or the signal of the key that was typed. */
function readLine(input: ReadStream): Promise<Buffer | NodeJS.Signals> {
  const line = Buffer.alloc(MAX_BYTES);
  let length = 0;
  return new Promise((resolve, reject) => {
    let finished = false;
    const finish = (result: Buffer | NodeJS.Signals) => {
      finished = true;
      input.off('data', take);
      input.pause();
      line.fill(0, Buffer.isBuffer(result) ? length : 0); // also wipes bytes that were deleted
      resolve(result);
    };
    const take = (chunk: Buffer) => {
      for (const byte of chunk) {
        const signal = SIGNAL_KEYS.get(byte);
        if (signal !== undefined) finish(signal);
        else if (ENTER.includes(byte) || byte === CTRL_D) finish(line.subarray(0, length));
        else if (BACKSPACE.includes(byte)) length = beforeLast(line, length);
        else if (byte === CTRL_U) length = 0;
        else if (byte === CTRL_W) length = beforeLastWord(line, length);
        else if (byte === CTRL_Z)
          continue; // a terminal's key, not part of a password
        else if (length < MAX_BYTES) line[length++] = byte;
        if (finished) break;
      }
      chunk.fill(0);
    };
    input.on('data', take);
    input.once('end', () => finish(line.subarray(0, length)));
    input.once('error', reject);
  });
}

/** The position of the last character in `length` bytes of UTF-8. */
function beforeLast(line: Buffer, length: number): number {
  let start = Math.max(0, length - 1);
  while (start > 0 && ((line[start] ?? 0) & 0xc0) === 0x80) start -= 1;
  return start;
}

/** The position of the last word in `length` bytes. Spaces after the word belong to it. */
function beforeLastWord(line: Buffer, length: number): number {
  let start = length;
  while (start > 0 && line[start - 1] === SPACE) start -= 1;
  while (start > 0 && line[start - 1] !== SPACE) start -= 1;
  return start;
}
