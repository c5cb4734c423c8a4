/** What is left of realms when they, or their processes, have ended. */
import { deepEqual, rejects } from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { belongsTo } from './processes';

/** A folder that is there while it is used. */
export async function withTemporaryFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'kpass-test-'));
  try {
    await use(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Resolves when the folder is empty and no process knows it; that has to be soon. */
export async function nothingIsLeft(folder: string): Promise<void> {
  const deadline = performance.now() + 10_000;
  const left = () => [...readdirSync(folder), ...processesOf(folder)];
  while (left().length > 0 && performance.now() < deadline) await sleep(5);
  deepEqual(left(), []);
}

/** Processes that belong to the folder: those that its user started. */
export function processesOf(folder: string): string[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name) && belongsTo(name, folder));
}

/** Resolves when nobody listens on the port of 127.0.0.1. */
export async function refuses(port: number): Promise<void> {
  await rejects(once(connect(port, '127.0.0.1'), 'connect'), { code: 'ECONNREFUSED' });
}
