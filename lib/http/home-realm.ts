// The realm of names that are typed without one. `alice` and `alice@EXAMPLE.COM` are then one name for
// the cache and the throttle.

import { binding } from '../binding.js';
import { foldCase } from '../names.js';
import { nativeSettings } from '../native-settings.js';
import type { Settings } from '../settings.js';
import type { Verdict } from '../verdict.js';

export class HomeRealm {
  readonly #settings: Settings;
  #realm: string | undefined;
  #dns: boolean | undefined;

  constructor(settings: Settings) {
    this.#settings = settings;
    // native/kerberos/user.cc: the service's realm, or the first of `realms` if that is not among them.
    if (settings.realms.length === 1) this.#realm = settings.realms[0];
  }

  /** The name without its realm, if a name without one gets that realm. */
  shorten(user: string): string {
    const at = user.indexOf('@');
    if (at < 0) return user;
    this.#realm ??= this.#find();
    return this.#isHome(user.slice(at + 1)) ? user.slice(0, at) : user;
  }

  /** names.ts spells a realm as `realms` does. Without that option, the native side ignores its case. */
  #isHome(realm: string): boolean {
    if (this.#settings.realms.length > 0) return realm === this.#realm;
    return this.#realm !== undefined && foldCase(realm) === foldCase(this.#realm);
  }

  /** Takes the realm from a verdict on this name. */
  learn(user: string, verdict: Verdict): void {
    if (verdict.verified && !user.includes('@')) this.#realm ??= verdict.realm;
  }

  #find(): string | undefined {
    if (this.#mayNeedDns()) return undefined;
    const { step, realm } = binding.nameService(nativeSettings(this.#settings));
    if (step !== '' || realm === '') return undefined;
    const { realms } = this.#settings;
    return realms.length === 0 || realms.includes(realm) ? realm : realms[0];
  }

  /** DNS would hold up JavaScript's thread. Where it is needed, the first login tells the realm. */
  #mayNeedDns(): boolean {
    this.#dns ??= this.#settings.host === null || this.#looksUpRealms();
    return this.#dns;
  }

  #looksUpRealms(): boolean {
    const native = nativeSettings(this.#settings);
    const { values } = binding.configValues(native, 'libdefaults', 'dns_lookup_realm', null);
    return values.some((value) => !/^(false|f|no|n|nil|off|0)$/i.test(value));
  }
}
