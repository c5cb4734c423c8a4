// The calls that are on their way through a pool, each with its promise, its
// deadline and its signal. A pending promise's timer is what keeps the process
// alive; nothing else of kpass does.

import type { Settings } from './arguments.js';
import {
  binding,
  FIRST_CONFIG,
  LAST_CONFIG,
  type NativeOutcome,
  type NativeRequest,
  type Pool,
} from './binding.js';
import { KpassError } from './errors.js';

const pending = new Map<number, (outcome: NativeOutcome) => void>();
let lastId = 0;

binding.start((id, outcome) => pending.get(id)?.(outcome));

/**
 * One verification on a thread of `pool`. The password has been read when this returns.
 * Rejects with ERR_KPASS_BUSY or ERR_KPASS_INTERNAL where the pool does not take it, with
 * ERR_KPASS_TIMEOUT after `timeout` ms, and with the signal's reason once that is aborted.
 */
export function run(
  pool: Pool,
  settings: Settings,
  user: string,
  password: string | Uint8Array,
  timeout: number,
  signal: AbortSignal | undefined,
): Promise<NativeOutcome> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    lastId = (lastId + 1) >>> 0;
    const id = lastId;
    const admission = binding.submit(pool, id, requestFor(settings, user), password);
    if (admission !== 'accepted') throw NOT_ADMITTED[admission]();

    const finish = () => {
      pending.delete(id);
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    };
    const giveUp = (reason: unknown) => {
      finish();
      binding.abandon(id);
      reject(reason);
    };
    const onAbort = () => giveUp(signal?.reason);
    const timer = setTimeout(() => giveUp(deadlinePassed(settings, timeout)), timeout);
    signal?.addEventListener('abort', onAbort);
    pending.set(id, (outcome) => {
      finish();
      resolve(outcome);
    });
  });
}

function requestFor(settings: Settings, user: string): NativeRequest {
  const { service, host, keytab, realms, canonicalize, config } = settings;
  return {
    user,
    service,
    host,
    keytab,
    realms,
    canonicalize,
    firstConfig: FIRST_CONFIG,
    config: config ?? binding.defaultConfig(),
    lastConfig: LAST_CONFIG,
    configNamed: config !== null,
  };
}

const NOT_ADMITTED = {
  full: () =>
    new KpassError('ERR_KPASS_BUSY', 'every thread is busy and the queue is full', {
      step: 'queue',
    }),
  'no-thread': () =>
    new KpassError('ERR_KPASS_INTERNAL', 'the system refuses to start a thread', {
      step: 'pthread_create',
    }),
  'no-memory': () =>
    new KpassError('ERR_KPASS_INTERNAL', 'the system is out of memory', { step: 'malloc' }),
};

function deadlinePassed({ service, host }: Settings, timeout: number): KpassError {
  const asked = `${service}/${host ?? "this machine's name"}`;
  return new KpassError(
    'ERR_KPASS_TIMEOUT',
    `no verdict within ${timeout} ms for service ${asked}: the KDCs that krb5.conf or DNS names ` +
      'do not answer in time, or too many verifications wait for them',
    { step: 'deadline' },
  );
}
