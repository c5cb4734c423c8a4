// Accepts tokens, in a process of its own, and measures that. The first argument is the subject.
// KRB5_CONFIG and KEYTAB name the realm. Each message from the parent is a task; its result is the answer.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Acceptor } from 'kpass';
import { callerOf, type InNode } from './callers';

export type Task =
  /** Accepts each token, `atOnce` of them at a time. The tokens are in base64, as in a request. */
  | { name: 'accept'; tokens: string[]; atOnce: number }
  /** Begins this many logins, and waits until they hang. */
  | { name: 'hang'; logins: number }
  /** Measures the memory of the process. */
  | { name: 'measure' };

export interface Accepts {
  /** µs of CPU time of all threads, for one accept. */
  cpu: number;
  /** ms, of each accept. */
  times: number[];
}

type Accept = (token: string) => Promise<string>;

const subject = process.argv[2] as InNode;
const accept = subject === 'npm kerberos' ? byKerberos() : byKpass();

process.on('message', async (task: Task) => {
  process.send?.(await resultOf(task));
});

async function resultOf(task: Task): Promise<Accepts | number> {
  if (task.name === 'accept') return measured(task.tokens, task.atOnce);
  if (task.name === 'hang') return hang(task.logins);
  for (let i = 0; i < 3; i++) globalThis.gc?.();
  return process.memoryUsage().rss;
}

async function measured(tokens: readonly string[], atOnce: number): Promise<Accepts> {
  const times: number[] = [];
  let next = 0;
  const caller = async () => {
    for (let token = tokens[next++]; token !== undefined; token = tokens[next++]) {
      const start = performance.now();
      assert.equal(await accept(token), 'alice@EXAMPLE.COM');
      times.push(performance.now() - start);
    }
  };
  const before = process.cpuUsage();
  await Promise.all(Array.from({ length: atOnce }, caller));
  const { user, system } = process.cpuUsage(before);
  return { cpu: (user + system) / tokens.length, times };
}

async function hang(logins: number): Promise<number> {
  const { call, verifier } = callerOf(subject);
  for (let i = 0; i < logins; i++) call({ timeout: 600_000 }).catch(() => {});
  if (verifier === undefined) await sleep(200);
  else while (verifier.stats.active < Math.min(logins, 32)) await sleep(1);
  return logins;
}

function byKpass(): Accept {
  const acceptor = new Acceptor({
    service: 'HTTP',
    host: 'localhost',
    keytab: process.env.KEYTAB as string,
  });
  return async (token) => {
    const acceptance = await acceptor.accept(Buffer.from(token, 'base64'));
    assert(acceptance.accepted, JSON.stringify(acceptance));
    return acceptance.principal;
  };
}

interface Kerberos {
  initializeServer(service: string): Promise<{
    readonly username: string;
    step(token: string): Promise<unknown>;
  }>;
}

/** It takes the keytab from KRB5_KTNAME, and one name of the service. */
function byKerberos(): Accept {
  const module: Kerberos = require(join(__dirname, '../build-kerberos/node_modules/kerberos'));
  return async (token) => {
    const server = await module.initializeServer('HTTP@localhost');
    await server.step(token);
    return server.username;
  };
}
