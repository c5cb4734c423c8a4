// The accepts of an Acceptor, on a pool of threads.

import type { Acceptance } from './acceptor.js';
import { binding, NativeAcceptance, type NativeAcceptorSettings, type Pool } from './binding.js';
import { acceptDeadlinePassed, errorFrom, type KpassError } from './errors.js';
import { tellAcceptance, tellAcceptFailure, tellTrace } from './events.js';
import { warnOfExposedKeytab } from './keytab-warning.js';
import { PendingCall } from './pending-call.js';
import { refusalOf } from './refusals.js';
import type { Settings } from './settings.js';

/** The longest token that is read: twice what Active Directory makes. See native/kerberos/spnego.h. */
const MAX_TOKEN_BYTES = 128 * 1024;

/** How many accepts have ended, by the kind of their end. */
interface Counts {
  accepted: number;
  refused: number;
  failed: number;
}

interface AcceptTerms {
  readonly settings: Settings;
  /** ms */
  readonly timeout: number;
  readonly signal: AbortSignal | undefined;
  /** Counts the end of this accept. */
  readonly counts: Counts;
}

/**
 * One accept, on a thread of `pool`. The arguments must have been checked. The token has been read when
 * this returns. Rejects with a KpassError if it is neither accepted nor refused, and with the signal's
 * reason if the signal is aborted.
 */
export function accept(
  pool: Pool,
  terms: AcceptTerms,
  native: NativeAcceptorSettings,
  token: Uint8Array,
  bindings: Uint8Array | null,
): Promise<Acceptance> {
  return new Promise((resolve, reject) => {
    const call = new Accept(terms, resolve, reject);
    if (terms.signal?.aborted) call.fail(terms.signal.reason);
    else if (token.length > MAX_TOKEN_BYTES) call.conclude(TOO_LONG);
    else call.submit(pool, native, token, bindings);
  });
}

const TOO_LONG: NativeAcceptance = {
  accepted: false,
  step: 'token',
  code: 0,
  message: `a token of more than ${MAX_TOKEN_BYTES} bytes`,
  principal: '',
  realm: '',
  reply: null,
  bound: false,
  service: '',
  keytab: '',
  keytabExposed: false,
  trace: null,
};

class Accept extends PendingCall<ConstructorParameters<typeof NativeAcceptance>, undefined> {
  readonly #terms: AcceptTerms;
  readonly #resolve: (result: Acceptance) => void;
  readonly #reject: (reason: unknown) => void;

  constructor(
    terms: AcceptTerms,
    resolve: (result: Acceptance) => void,
    reject: (reason: unknown) => void,
  ) {
    super(terms.timeout, terms.signal);
    this.#terms = terms;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  submit(
    pool: Pool,
    native: NativeAcceptorSettings,
    token: Uint8Array,
    bindings: Uint8Array | null,
  ): void {
    this.wait(binding.accept(pool, native, token, bindings, this.#terms.timeout));
  }

  conclude(acceptance: NativeAcceptance): void {
    try {
      const result = conclusionOf(acceptance);
      this.#terms.counts[result.accepted ? 'accepted' : 'refused']++;
      tellAcceptance(this.#terms.settings, this.started, acceptance, result);
      this.#resolve(result);
    } catch (error) {
      this.fail(error);
    }
  }

  fail(reason: unknown): void {
    this.#terms.counts.failed++;
    tellAcceptFailure(this.#terms.settings, this.started, reason);
    this.#reject(reason);
  }

  protected receive(parts: ConstructorParameters<typeof NativeAcceptance>): void {
    const acceptance = new NativeAcceptance(...parts);
    tellTrace(this.#terms.settings.trace, acceptance.trace);
    this.conclude(acceptance);
  }

  protected leave(): void {}

  protected expired(): KpassError {
    return acceptDeadlinePassed(this.#terms.settings, this.#terms.timeout);
  }
}

/** Throws a KpassError if it is neither accepted nor refused. */
function conclusionOf(acceptance: NativeAcceptance): Acceptance {
  if (acceptance.keytabExposed) warnOfExposedKeytab(acceptance.keytab);
  if (acceptance.accepted) {
    const { principal, realm, reply, bound } = acceptance;
    return { accepted: true, principal, realm, reply, bound };
  }
  const reason = refusalOf(acceptance.step, acceptance.code);
  switch (reason) {
    case 'malformed':
    case 'mechanism':
    case 'ticket':
    case 'clock':
    case 'replay':
    case 'bindings':
    case 'client':
      return { accepted: false, reason };
    default:
      throw errorFrom({ ...acceptance, realms: [], kdcs: [] }, reason);
  }
}
