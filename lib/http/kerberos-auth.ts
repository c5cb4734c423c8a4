// kerberosAuth(): Negotiate for users who have a ticket, Basic for all others.

import { Acceptor } from '../acceptor.js';
import { authWith, type HttpAuth } from './auth.js';
import { Basic } from './basic.js';
import { Negotiate } from './negotiate.js';
import { checkKerberosOptions, type KerberosAuthOptions } from './options.js';
import { ReadinessProbe } from './readiness.js';
import { verificationsFor } from './verifications.js';

/**
 * Authentication for one service. A client that has a ticket sends it, and no password (Negotiate,
 * RFC 4559). All others send a user and a password (Basic, RFC 7617).
 *
 * @throws TypeError (ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE) for options that can never work
 */
export function kerberosAuth(options: KerberosAuthOptions): HttpAuth {
  const [settings, verifierOptions] = checkKerberosOptions(options);
  const verifications = verificationsFor(verifierOptions, settings);
  const scheme = {
    Negotiate: () =>
      new Negotiate(new Acceptor(settings.acceptor), settings.when, verifierOptions.timeout),
    Basic: () => new Basic(settings.realm, verifications),
  };
  const schemes = settings.schemes.map((name) => scheme[name]());
  const readiness = new ReadinessProbe(verifierOptions, verifications);
  return authWith(schemes, verifications, readiness, settings);
}
