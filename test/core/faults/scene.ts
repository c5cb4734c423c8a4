// The fault matrix: its rows, and the scene in which they run.

import { execFile } from 'node:child_process';
import { chmod, chown, stat, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { Verifier, type VerifierOptions } from 'kpass';
import type { Realm } from 'kpass/testing';
import { runProgram } from '../../support/child';
import { FaultProxy, type Mode } from '../../support/fault-proxy';
import * as subject from '../../support/subject';

const execute = promisify(execFile);

/** Tests multiply their times by this: other programs share the machine, and sanitizers are slow. */
export const SLOW = Number(process.env.KPASS_SLOW ?? 1);

export type Outcome =
  | 'true'
  | 'credentials'
  | 'expired'
  | 'disabled'
  | 'policy'
  | `ERR_KPASS_${string}`;

export interface Row {
  fault: string;
  outcome: Outcome | RegExp;
  /** The outcome if libkrb5 carries the messages. Default: the same. */
  libkrb5?: Outcome | RegExp;
  /** ms for the whole row. Default: SOON, or WAITED if the row waits. */
  within?: number;
  /** The row waits for the network, so it runs together with others. */
  waits?: boolean;
  run: (scene: Scene) => Promise<string>;
}

/** A realm, and the transport by which the rows verify in it. */
export class Scene {
  readonly realm: Realm;
  readonly #transport: 'kpass' | 'libkrb5';
  #number = 0;

  constructor(realm: Realm, transport: 'kpass' | 'libkrb5') {
    this.realm = realm;
    this.#transport = transport;
  }

  /** A number that no other row gets. */
  next(): number {
    this.#number += 1;
    return this.#number;
  }

  /** A new path in the realm's folder. */
  path(kind: string): string {
    return join(this.realm.folder, `fault-${this.next()}.${kind}`);
  }

  optionsFor(of: Realm, more: Partial<VerifierOptions> = {}): VerifierOptions {
    // Without armor: the rows count messages, and forge what armor would protect.
    return subject.optionsFor(of, { transport: this.#transport, fast: 'never', ...more });
  }

  /** Verifies the right password, and returns the outcome in one word. */
  async ask(more: Partial<VerifierOptions> = {}, user = 'alice'): Promise<string> {
    const verifier = new Verifier(this.optionsFor(this.realm, more));
    try {
      return await outcomeOf(verifier, user);
    } finally {
      verifier.close();
    }
  }

  /** Runs a program, and returns the last line that it prints. */
  async inChild(source: string, ending = '0 null', env: NodeJS.ProcessEnv = {}): Promise<string> {
    const program = `${CHILD} options.transport = '${this.#transport}'; ${source}`;
    const { code, signal, stdout, stderr } = await runProgram(this.realm, program, undefined, env);
    if (`${code} ${signal}` !== ending) return `${code} ${signal} ${stderr}`;
    return stdout.trim().split('\n').at(-1) ?? '';
  }

  /** Verifies in a child with one option changed. The child exits while a thread still waits. */
  exitWith(
    option: 'config' | 'keytab',
    value: string,
    env: NodeJS.ProcessEnv = {},
  ): Promise<string> {
    const source = `
      ask(new Verifier({ ...options, ${option}: '${value}', timeout: 300 }))
        .then((outcome) => { console.log(outcome.split(' ')[0]); process.exit(7); });`;
    return this.inChild(source, '7 null', env);
  }

  /** Lets a process of another user read the realm's krb5.conf and other files. */
  async openToAll(...open: string[]): Promise<void> {
    for (const folder of [this.realm.folder, dirname(this.realm.folder)]) {
      const { mode } = await stat(folder);
      if ((mode & 0o001) === 0) await chmod(folder, mode | 0o011);
    }
    await Promise.all([this.realm.config, ...open].map((file) => chmod(file, 0o644)));
  }

  /** Copies the service's keytab, so that a child of any user may read and change the copy. */
  async keytabForAnybody(): Promise<string> {
    const keytab = await this.realm.writeKeytab(subject.SERVICE);
    await this.openToAll();
    if (process.getuid?.() === 0) await chown(keytab, 65534, 65534);
    return keytab;
  }

  async fifo(): Promise<string> {
    const name = this.path('fifo');
    await execute('mkfifo', ['-m', '600', name]);
    return name;
  }

  async linkToItself(): Promise<string> {
    const name = this.path('link');
    await symlink(name, name);
    return name;
  }
}

const CHILD = `
const fs = require('node:fs');
const ask = (verifier) => verifier.verify('alice', 'wonderland')
  .then((v) => (v.verified ? 'true' : v.reason), (e) => e.code + ' ' + e.step);
const asNobody = () => {
  if (process.getuid() !== 0) return;
  process.setgroups([]); process.setgid(65534); process.setuid(65534);
};
`;

export function outcomeOf(verifier: Verifier, user = 'alice'): Promise<string> {
  return verifier.verify(user, 'wonderland').then(
    (verdict) => (verdict.verified ? 'true' : verdict.reason),
    (error) => error.code,
  );
}

/** Verifies through a proxy in this mode. */
export const through =
  (mode: Mode, more: Partial<VerifierOptions> = {}) =>
  async (scene: Scene) => {
    await using proxy = await FaultProxy.start(scene.realm);
    await proxy.use(mode);
    return await scene.ask({ config: proxy.config, ...more });
  };

/** Verifies through a proxy by way of a TGT, which adds a third exchange. */
export const byTgt = (mode: Mode, more: Partial<VerifierOptions> = {}) =>
  through(mode, { canonicalize: true, ...more });

/** The different outcomes in one line. If some of them are not allowed, only those. */
export function only(outcomes: readonly string[], ...allowed: Outcome[]): string {
  const others = outcomes.filter((outcome) => !allowed.includes(outcome as Outcome));
  return others.length > 0 ? [...new Set(others)].join(' ') : [...new Set(outcomes)].join(' ');
}
