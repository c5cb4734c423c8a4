/** kpass doctor, run and read: its links, and what is to be found in them. */
import { deepEqual, equal, match } from 'node:assert/strict';
import { type RunOptions, runCommand } from './command';

export const LINKS = [
  'libkrb5',
  'krb5.conf',
  'realm',
  'KDC names',
  'KDCs',
  'clock',
  'keytab',
  'key',
  'host',
] as const;
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

/** What a case finds: one link that is not ok, those that wait for it, and the rest is ok. */
export interface Expected {
  link: Name;
  status?: 'warning' | 'broken';
  detail: RegExp;
  /** A command, or what to write where. */
  remedy?: RegExp;
  notTried?: readonly Name[];
}

export function assertFound({ code, ok: holds, links }: Diagnosis, expected: Expected): void {
  const { link, status = 'broken', detail, remedy = /./, notTried = [] } = expected;
  const statuses = Object.fromEntries(links.map((each) => [each.name, each.status]));
  const names: Name[] = statuses.user ? [...LINKS, 'user', 'ticket'] : [...LINKS];
  const wanted = names.map((name): [Name, Status] => [
    name,
    name === link ? status : notTried.includes(name) ? 'not tried' : 'ok',
  ]);
  deepEqual(statuses, Object.fromEntries(wanted), JSON.stringify(links, null, 1));
  const found = links.find((each) => each.status === status);
  match(found?.detail ?? '', detail);
  match(found?.remedy.join('\n') ?? '', remedy);
  deepEqual([holds, code], status === 'broken' ? [false, 1] : [true, 0]);
}
