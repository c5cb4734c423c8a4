// Finds what realms leave behind when they, or their processes, have ended.

import { deepEqual, rejects } from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { belongsTo } from './processes';

/** Runs `use` with a temporary folder, and removes the folder. */
export async function withTemporaryFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'kpass-test-'));
  try {
    await use(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Waits until the folder is empty and no process has it in its environment; fails after a while. */
export async function nothingIsLeft(folder: string): Promise<void> {
  const deadline = performance.now() + 10_000;
  const left = () => [...readdirSync(folder), ...processesOf(folder)];
  while (left().length > 0 && performance.now() < deadline) await sleep(5);
  deepEqual(left(), []);
}

/** The processes that have the folder in their environment, or open files in it. */
export function processesOf(folder: string): string[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name) && belongsTo(name, folder));
}

/** Rejects unless the port of 127.0.0.1 refuses connections. */
export async function refuses(port: number): Promise<void> {
  await rejects(once(connect(port, '127.0.0.1'), 'connect'), { code: 'ECONNREFUSED' });
}
