// Keeps strangers from locking an account of the realm through this server. It stops asking the KDC
// before the KDC's own count reaches its limit.
//
// A KDC counts wrong passwords in a row, and forgets them if none comes for a while. The throttle does
// the same. It must never count fewer than the KDC. So names that may be one account at the KDC are one
// account here, a pending verification already counts, and a flood of other names makes it forget none.

import { KpassError } from '../errors.js';
import type { Verdict } from '../verdict.js';
import { now } from './clock.js';
import { numberOf } from './digest.js';
import type { ThrottleOptions } from './options.js';

const DENIED: Verdict = { verified: false, reason: 'credentials' };

/** The most requests that wait for the verdict on another password of the same user. */
const MOST_WAITING = 1_024;

/** 131,072 counters of some 500 bytes each. They suffice for the names of a flood in one window. */
const COUNTER_BITS = 17;

interface Account {
  /** Digests of the passwords that the KDC has refused, each with the name as it was typed. */
  readonly wrong: Map<string, string>;
  /** The time of the last refusal. */
  last: number;
  /** Pending verifications. Each may end as a refusal. */
  readonly pending: Set<Promise<Verdict>>;
}

export class Throttle {
  readonly #attempts: number;
  readonly #window: number;
  // The key is a number of COUNTER_BITS bits. So memory is bounded, and no account is ever dropped to
  // make room. If two names share a number, the throttle refuses too early, never too late. The
  // number is an HMAC, so nobody can choose two such names.
  readonly #accounts = new Map<number, Account>();
  #waiting = 0;

  constructor({ attempts, window }: ThrottleOptions) {
    this.#attempts = attempts;
    this.#window = window;
  }

  /**
   * The verdict of `verify`. Does not call `verify`, but denies, if the KDC has already refused this
   * password, or too many passwords. May wait for pending verifications of the same account first.
   * Rejects with the error of `verify`, or with that of a verification for which it waited.
   */
  async verify(user: string, digest: string, verify: () => Promise<Verdict>): Promise<Verdict> {
    const number = numberOf(accountName(user), COUNTER_BITS);
    let account = this.#account(number);
    while (!account.wrong.has(digest) && this.#isFull(account) && account.pending.size > 0) {
      await this.#wait(account);
      account = this.#account(number); // It may be a new one.
    }
    if (account.wrong.has(digest) || this.#isFull(account)) return DENIED;
    const pending = verify();
    account.pending.add(pending);
    try {
      const verdict = await pending;
      this.#count(account, user, digest, verdict);
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

  #count(account: Account, user: string, digest: string, verdict: Verdict): void {
    if (verdict.verified) {
      // The KDC starts to count again. Refusals of other spellings stay: another spelling may be
      // another account, whose owner could otherwise go on guessing forever.
      for (const [wrong, typed] of account.wrong) if (typed === user) account.wrong.delete(wrong);
    } else if (verdict.reason === 'credentials') {
      // A KDC denies for other reasons before it looks at the password, or after it was right.
      account.wrong.set(digest, user);
      account.last = now();
    }
  }
}

// One name for all names that a KDC may take for one account. Active Directory ignores case, accents,
// width and invisible characters when it compares names. Realms are left out: the KDC and krb5.conf
// decide which realm a name without one belongs to.
function accountName(user: string): string {
  const [name = ''] = user.split('@', 1);
  return name
    .normalize('NFKD')
    .replace(/[\p{M}\p{Z}\p{C}]/gu, '')
    .toUpperCase()
    .toLowerCase();
}
