// mocha's own report and, as the last line, the two figures that tell of the whole run.
//
// A KDC that outlives its tests counts as a failure. scripts/test gives each run a temporary folder
// of its own, by which the KDCs of this run are told from all others.

import { readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { type MochaOptions, type Runner, reporters } from 'mocha';

/** How long the process may take to end, in ms: more than any deadline that is left behind. */
const PATIENCE = 15_000;

/** The KDCs by the names of their programs: MIT's, Samba's and Heimdal's. */
const KDCS = ['krb5kdc', 'samba', 'kdc'];

class Reporter extends reporters.Spec {
  constructor(runner: Runner, options: MochaOptions) {
    super(runner, options);
    this.passes = () => runner.stats?.passes ?? 0;
  }

  private readonly passes: () => number;

  override done(failures: number, exit: (failures: number) => void): void {
    const left = survivors();
    for (const each of left) console.error(`left running by the tests: ${each}`);
    const failed = failures + left.length;
    console.log(`${this.passes()} passed, ${failed} failed`);
    exit(failed);

    // mocha leaves the process to end by itself. Where it does not, that is a failure too.
    setTimeout(() => {
      console.error('the tests are over, but something keeps their process alive');
      console.log(`${this.passes()} passed, ${failed + 1} failed`);
      process.on('exit', () => {
        process.exitCode = 1; // mocha has a listener as well, with the code of before.
      });
      process.exit();
    }, PATIENCE).unref();
  }
}

/** The KDCs that this run started and that are still there. */
function survivors(): string[] {
  return readdirSync('/proc').flatMap((pid) => {
    try {
      const name = readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
      if (!KDCS.includes(name)) return [];
      const isOurs = readFileSync(`/proc/${pid}/environ`, 'utf8').includes(tmpdir());
      return isOurs ? [`${name} ${pid}`] : [];
    } catch {
      return []; // No process, or one that has ended, or somebody else's.
    }
  });
}

export = Reporter;
