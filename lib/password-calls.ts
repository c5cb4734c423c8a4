// Changes of passwords, on a pool of threads.

import { binding, NativeChange, type NativeChangeAsked, type Pool } from './binding.js';
import { isUnanswered, markCounted } from './counted.js';
import { nameUnlessRefused, passwordCanBeRight } from './credentials.js';
import type { KpassError } from './errors.js';
import { nativeSettings } from './native-settings.js';
import { withBothOffHeap } from './off-heap.js';
import { changeDeadlinePassed, changeOf, type PasswordChange } from './password-change.js';
import { contextForChange, tellChange, tellChangeFailure } from './password-events.js';
import { PendingCall, type PendingTerms, type Reject, type Resolve } from './pending-call.js';

/**
 * One change of a password, on a thread of `pool`. The arguments must have been checked. Both passwords
 * have been read when this returns. Rejects with a KpassError if it is neither changed nor refused, and
 * with the signal's reason if the signal is aborted.
 */
export function changePassword(
  pool: Pool,
  terms: PendingTerms,
  user: string,
  oldPassword: string | Uint8Array,
  newPassword: string | Uint8Array,
): Promise<PasswordChange> {
  return new Promise((resolve, reject) => {
    new Change(terms, resolve, reject).start(pool, user, oldPassword, newPassword);
  });
}

/** The outcome of inputs that can never be right. No packet has left for them. */
const REFUSED = new NativeChange(false, 'input', 0, '', '', '', '', false, false, {
  service: '',
  realms: [],
  kdcs: [],
  trace: null,
  proofLeft: false,
  passwordServers: [],
  sent: false,
});

class Change extends PendingCall<
  PendingTerms,
  ConstructorParameters<typeof NativeChange>,
  NativeChange,
  NativeChangeAsked,
  PasswordChange
> {
  constructor(terms: PendingTerms, resolve: Resolve<PasswordChange>, reject: Reject) {
    super(terms, resolve, reject, contextForChange(terms.settings));
  }

  start(
    pool: Pool,
    user: string,
    oldPassword: string | Uint8Array,
    newPassword: string | Uint8Array,
  ): void {
    try {
      if (!this.watched()) return;
      const { settings, timeout } = this.terms;
      const name = nameUnlessRefused(user, oldPassword, settings);
      if (name === null || !passwordCanBeRight(newPassword)) {
        this.conclude(REFUSED);
        return;
      }
      const native = nativeSettings(settings);
      const id = withBothOffHeap(oldPassword, newPassword, (old, fresh) =>
        binding.changePassword(pool, native, name, old, fresh, timeout),
      );
      this.wait(id);
    } catch (error) {
      this.abort(error);
    }
  }

  protected outcomeOf(parts: ConstructorParameters<typeof NativeChange>): NativeChange {
    return new NativeChange(...parts);
  }

  protected resultOf(outcome: NativeChange): PasswordChange {
    try {
      return changeOf(outcome);
    } catch (error) {
      throw oldIsOpen(outcome.asked) && isUnanswered({ ...outcome, ...outcome.asked })
        ? markCounted(error as Error)
        : error;
    }
  }

  protected tellResult(outcome: NativeChange, result: PasswordChange): void {
    tellChange(this.terms.settings, this.started, outcome.step, result);
  }

  /** A Verifier counts its verdicts only. */
  protected countFailure(): void {}

  protected tellFailure(reason: unknown): void {
    tellChangeFailure(this.terms.settings, this.started, reason);
  }

  protected expired(asked: NativeChangeAsked): KpassError {
    const error = changeDeadlinePassed(this.terms.settings, this.terms.timeout, asked);
    return asked.proofLeft && oldIsOpen(asked) ? markCounted(error) : error;
  }
}

/** Whether the KDC has not taken the old password yet. A password server is asked only after that. */
function oldIsOpen({ passwordServers }: NativeChangeAsked): boolean {
  return passwordServers.length === 0;
}
