// Keeps anybody from locking an account in the realm through this server: it stops asking the KDC
// before the KDC's own count is reached.
//
// A KDC counts wrong passwords in a row, and forgets them once none came for a while. So does this,
// and so it must never count fewer than the KDC does: whatever may be one account there is one
// here, what is on its way counts already, and no flood of other names makes it forget.

import { KpassError } from '../errors.js';
import type { Verdict } from '../verdict.js';
import { now } from './clock.js';
import { numberOf } from './digest.js';
import type { ThrottleOptions } from './options.js';

const DENIED: Verdict = { verified: false, reason: 'credentials' };

/** Most requests that wait for the verdict on another password of the same user. */
const MOST_WAITING = 1_024;

/** 131,072 counters, of some 500 bytes each: enough for the names that a flood tries in a window. */
const COUNTER_BITS = 17;

interface Account {
  /** Passwords that the KDC has refused, as digests, each with the name as it was typed. */
  readonly wrong: Map<string, string>;
  /** When it last did. */
  last: number;
  /** Verifications under way, which may come to a refusal. */
  readonly pending: Set<Promise<Verdict>>;
}

export class Throttle {
  readonly #attempts: number;
  readonly #window: number;
  // By a number, of which there are so many: that bounds the memory, and no account is ever dropped
  // from it to make room. Two names may share a number, which errs on the side of refusing; nobody
  // can choose which two, for the number is an HMAC.
  readonly #accounts = new Map<number, Account>();
  #waiting = 0;

  constructor({ attempts, window }: ThrottleOptions) {
    this.#attempts = attempts;
    this.#window = window;
  }

  /**
   * The verdict of `verify`; without calling it, `credentials` for a password that was refused
   * already, and for any when too many were. Rejects as `verify` does, with its error too when this
   * one had to wait for the verdict on another.
   */
  async verify(user: string, digest: string, verify: () => Promise<Verdict>): Promise<Verdict> {
    const number = numberOf(accountName(user), COUNTER_BITS);
    let account = this.#account(number);
    while (!account.wrong.has(digest) && this.#isFull(account) && account.pending.size > 0) {
      await this.#wait(account);
      account = this.#account(number); // A new one, perhaps.
    }
    if (account.wrong.has(digest) || this.#isFull(account)) return DENIED;
    const pending = verify();
    account.pending.add(pending);
    try {
      const verdict = await pending;
      this.#note(account, user, digest, verdict);
      return verdict;
    } finally {
      account.pending.delete(pending);
      if (account.wrong.size + account.pending.size === 0) this.#accounts.delete(number);
    }
  }

  #account(number: number): Account {
    let account = this.#accounts.get(number);
    if (account === undefined) {
      account = { wrong: new Map(), last: 0, pending: new Set() };
      this.#accounts.set(number, account);
    }
    if (account.last + this.#window <= now()) account.wrong.clear();
    return account;
  }

  #isFull({ wrong, pending }: Account): boolean {
    return wrong.size + pending.size >= this.#attempts;
  }

  async #wait({ pending }: Account): Promise<void> {
    if (this.#waiting >= MOST_WAITING) {
      const message = 'too many different passwords of one user at once';
      throw new KpassError('ERR_KPASS_BUSY', message, { step: 'throttle' });
    }
    this.#waiting++;
    try {
      await Promise.race(pending);
    } finally {
      this.#waiting--;
    }
  }

  #note(account: Account, user: string, digest: string, verdict: Verdict): void {
    if (verdict.verified) {
      // The KDC's count starts anew. Not so for other spellings, which may be other accounts: who
      // has one of those could go on guessing for ever.
      for (const [wrong, typed] of account.wrong) if (typed === user) account.wrong.delete(wrong);
    } else if (verdict.reason === 'credentials') {
      // The other reasons are given before the password is looked at, or after it was right.
      account.wrong.set(digest, user);
      account.last = now();
    }
  }
}

// One name for whatever a KDC may take for one account. Active Directory compares names without
// regard to case, accents, width and invisible characters; and which realm a name without one has
// is the KDC's and krb5.conf's to say, so realms are left out.
function accountName(user: string): string {
  const [name = ''] = user.split('@', 1);
  return name
    .normalize('NFKD')
    .replace(/[\p{M}\p{Z}\p{C}]/gu, '')
    .toUpperCase()
    .toLowerCase();
}
