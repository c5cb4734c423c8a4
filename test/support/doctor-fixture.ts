// Runs doctor in a realm of its own, and finds the one link that is not ok.

import { deepEqual, equal, match } from 'node:assert/strict';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Realm } from 'kpass/testing';
import { type RunOptions, runCommand } from './command';
import { FaultProxy } from './fault-proxy';
import { keytabFrom } from './services';
import { SERVICE } from './subject';

export const LINKS = [
  'libkrb5',
  'krb5.conf',
  'realm',
  'KDC names',
  'KDCs',
  'clock',
  'keytab',
  'key',
  'armor',
  'host',
  'browser',
  'headers',
] as const;

/** The links of a service HTTP alone. */
const OF_HTTP: readonly string[] = ['browser', 'headers'];

export type Name = (typeof LINKS)[number] | 'user' | 'ticket';
export type Status = 'ok' | 'warning' | 'broken' | 'not tried';

export interface Link {
  name: Name;
  status: Status;
  detail: string;
  remedy: string[];
  trace?: string[];
}

export interface Diagnosis {
  code: number | null;
  ok: boolean;
  links: Link[];
}

/** Runs doctor for the service HTTP/localhost. */
export async function diagnose(args: string[], options: RunOptions = {}): Promise<Diagnosis> {
  const { code, stdout, stderr } = await runCommand(
    ['doctor', '-H', 'localhost', '--json', ...args],
    options,
  );
  equal(stderr, '');
  return { code, ...JSON.parse(stdout) };
}

/**
 * The expected diagnosis: one link is not ok, `notTried` depend on it, and all others are ok. The armor
 * depends on the key: without it, doctor does not try the armor; and where the key's own login is in
 * doubt, so is the armor's.
 */
export interface Expected {
  link: Name;
  status?: 'warning' | 'broken';
  detail: RegExp;
  /** A command, or lines for a file. */
  remedy?: RegExp;
  notTried?: readonly Name[];
  /** Links with a warning of their own. */
  warnings?: readonly Name[];
}

export function assertFound({ code, ok: holds, links }: Diagnosis, expected: Expected): void {
  const { link, status = 'broken', detail, remedy = /./, notTried = [] } = expected;
  const { warnings = [] } = expected;
  const statuses = Object.fromEntries(links.map((each) => [each.name, each.status]));
  const isHttp = OF_HTTP.some((name) => name in statuses);
  const own = LINKS.filter((name) => isHttp || !OF_HTTP.includes(name));
  const names: Name[] = statuses.user ? [...own, 'user', 'ticket'] : [...own];
  const statusOf = (name: Name): Status =>
    name === link
      ? status
      : notTried.includes(name)
        ? 'not tried'
        : warnings.includes(name)
          ? 'warning'
          : 'ok';
  const key = statusOf('key');
  const armor = key === 'broken' ? 'not tried' : key;
  const wanted = names.map((name): [Name, Status] => [
    name,
    name === 'armor' && link !== 'armor' ? armor : statusOf(name),
  ]);
  deepEqual(statuses, Object.fromEntries(wanted), JSON.stringify(links, null, 1));
  const found = links.find((each) => each.name === link);
  match(found?.detail ?? '', detail);
  match(found?.remedy.join('\n') ?? '', remedy);
  deepEqual([holds, code], status === 'broken' ? [false, 1] : [true, 0]);
}

/** A realm and a proxy for the tests of one describe(). */
export class DoctorFixture {
  realm!: Realm;
  /** A copy of the realm's krb5.conf, by whose name doctor does not recognize a private realm. */
  config!: string;
  proxy!: FaultProxy;
  readonly #folders: string[] = [];

  constructor() {
    before(async () => {
      this.realm = await Realm.start({ users: { alice: 'wonderland' } });
      this.config = await this.realm.writeConfig();
      this.proxy = await FaultProxy.start(this.realm);
    });
    after(async () => {
      await this.proxy?.stop();
      await this.realm?.stop();
      for (const folder of this.#folders) {
        await chmod(join(folder, 'closed'), 0o700).catch(() => {});
        await rm(folder, { recursive: true, force: true });
      }
    });
  }

  /** The command's options for this realm, perhaps with another keytab or krb5.conf. */
  given(keytab = this.realm.keytab(SERVICE), config = this.config): string[] {
    return ['-k', keytab, '-c', config];
  }

  /** Writes a krb5.conf, and returns its path. */
  configFrom(text: string): Promise<string> {
    return keytabFrom(this.realm, text);
  }

  /** Makes a folder that every user may enter, unlike the realm's. */
  async openFolder(): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), 'kpass-doctor-test-'));
    this.#folders.push(folder);
    await chmod(folder, 0o755);
    return folder;
  }
}
