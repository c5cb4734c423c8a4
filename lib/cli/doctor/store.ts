// The throttle's store: whether it answers, and whether it keeps what it counts.

import { randomBytes } from 'node:crypto';
import { RemoteStore } from '../../remote-store.js';
import type { ThrottleStore } from '../../throttle-store.js';
import { broken, type Diagnosis, type LookResult, ok, warning } from './chain.js';

/** A store that knows how its server is set up. */
interface Inspectable {
  /** For each fault, what is wrong and how to repair it. */
  faults(): Promise<[detail: string, ...remedy: string[]][]>;
}

const TERMS = { attempts: 1, window: 1_000, lease: 1_000 };

export async function lookAtStore(store: ThrottleStore): Promise<LookResult<true>> {
  const id = randomBytes(16).toString('base64url');
  const attempt = { id, digest: id, name: 'doctor' };
  const account = `doctor:${id}`;
  try {
    const remote = new RemoteStore(store);
    await remote.reserve(account, attempt, TERMS);
    await remote.settle(account, attempt, 'none', TERMS);
  } catch (error) {
    const remedy = 'No password goes to the KDC while the throttle has no store.';
    return { diagnoses: broken((error as Error).message, remedy), facts: null };
  }
  return { diagnoses: [ok('it answers'), ...(await faultsOf(store))], facts: true };
}

async function faultsOf(store: ThrottleStore & Partial<Inspectable>): Promise<Diagnosis[]> {
  if (store.faults === undefined) return [];
  try {
    return (await store.faults()).map((fault) => warning(...fault));
  } catch (error) {
    return [warning(`it does not show its settings: ${(error as Error).message}`)];
  }
}
