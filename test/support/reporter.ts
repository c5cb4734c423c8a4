// mocha's own report, with the numbers of passed and failed tests in the last line.
//
// A KDC that outlives its tests counts as a failure. scripts/test gives each run a temporary folder
// of its own. A KDC with that folder in its environment belongs to the run.

import { readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { type MochaOptions, type Runner, reporters } from 'mocha';
import { belongsTo } from './processes';

/** ms that the process may take to end: longer than any deadline that a test leaves behind. */
const PATIENCE = 15_000;

/** The names of the KDCs' programs, MIT's, Samba's and Heimdal's, and of the throttle's store. */
const KDCS = ['krb5kdc', 'samba', 'kdc', 'redis-server'];

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

    // mocha leaves the process to end by itself. A process that does not end counts as a failure.
    setTimeout(() => {
      console.error('the tests are over, but something keeps their process alive');
      console.log(`${this.passes()} passed, ${failed + 1} failed`);
      process.on('exit', () => {
        process.exitCode = 1; // mocha's own listener sets the code without this failure.
      });
      process.exit();
    }, PATIENCE).unref();
  }
}

/** The KDCs of this run that are still there. */
function survivors(): string[] {
  return readdirSync('/proc').flatMap((pid) => {
    try {
      const name = readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
      return KDCS.includes(name) && belongsTo(pid, tmpdir()) ? [`${name} ${pid}`] : [];
    } catch {
      return []; // Not a process, or it has ended.
    }
  });
}

export = Reporter;
