// The accepts of an Acceptor, on a pool of threads.

import { type Acceptance, acceptanceOf } from './acceptance.js';
import { binding, NativeAcceptance, type NativeAcceptorSettings, type Pool } from './binding.js';
import { acceptDeadlinePassed, type KpassError } from './errors.js';
import { contextForAccept, tellAcceptance, tellAcceptFailure } from './events.js';
import { PendingCall, type PendingTerms, type Reject, type Resolve } from './pending-call.js';

/** The longest token that is read: twice what Active Directory makes. See native/kerberos/spnego.h. */
const MAX_TOKEN_BYTES = 128 * 1024;

/** How many accepts have ended, by the kind of their end. */
interface Counts {
  accepted: number;
  refused: number;
  failed: number;
}

interface AcceptTerms extends PendingTerms {
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
    new Accept(terms, resolve, reject).start(pool, native, token, bindings);
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

class Accept extends PendingCall<
  AcceptTerms,
  ConstructorParameters<typeof NativeAcceptance>,
  NativeAcceptance,
  undefined,
  Acceptance
> {
  constructor(terms: AcceptTerms, resolve: Resolve<Acceptance>, reject: Reject) {
    super(terms, resolve, reject, contextForAccept(terms.settings));
  }

  start(
    pool: Pool,
    native: NativeAcceptorSettings,
    token: Uint8Array,
    bindings: Uint8Array | null,
  ): void {
    try {
      if (!this.watched()) return;
      if (token.length > MAX_TOKEN_BYTES) this.conclude(TOO_LONG);
      else this.wait(binding.accept(pool, native, token, bindings, this.terms.timeout));
    } catch (error) {
      this.abort(error);
    }
  }

  protected outcomeOf(parts: ConstructorParameters<typeof NativeAcceptance>): NativeAcceptance {
    return new NativeAcceptance(...parts);
  }

  protected resultOf(acceptance: NativeAcceptance): Acceptance {
    const result = acceptanceOf(acceptance);
    this.terms.counts[result.accepted ? 'accepted' : 'refused']++;
    return result;
  }

  protected tellResult(acceptance: NativeAcceptance, result: Acceptance): void {
    tellAcceptance(this.terms.settings, this.started, acceptance, result);
  }

  protected countFailure(): void {
    this.terms.counts.failed++;
  }

  protected tellFailure(reason: unknown): void {
    tellAcceptFailure(this.terms.settings, this.started, reason);
  }

  protected expired(): KpassError {
    return acceptDeadlinePassed(this.terms.settings, this.terms.timeout);
  }
}
