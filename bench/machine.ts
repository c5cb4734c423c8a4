// The machine that made the figures.

import { execFileSync } from 'node:child_process';
import { cpus, loadavg, release } from 'node:os';

export interface Machine {
  processor: string;
  cores: number;
  kernel: string;
  node: string;
  krb5: string;
  date: string;
  /** The load of the last minute, from other programs. Figures of a busy machine are of little use. */
  load: number;
}

export function thisMachine(): Machine {
  return {
    processor: cpus()[0]?.model ?? '',
    cores: cpus().length,
    kernel: release(),
    node: process.version,
    krb5: execFileSync('krb5-config', ['--version'], { encoding: 'utf8' }).trim(),
    date: new Date().toISOString().slice(0, 10),
    load: loadavg()[0] ?? 0,
  };
}
