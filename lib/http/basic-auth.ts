// basicAuth(): HTTP Basic over TLS, against Kerberos.

import { authWith, type BasicAuth } from './auth.js';
import { Basic } from './basic.js';
import { type BasicAuthOptions, checkBasicOptions } from './options.js';
import { ReadinessProbe } from './readiness.js';
import { verificationsFor } from './verifications.js';

/**
 * Basic authentication for one service.
 *
 * @throws TypeError (ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE) for options that can never work
 */
export function basicAuth(options: BasicAuthOptions): BasicAuth {
  const [settings, verifierOptions] = checkBasicOptions(options);
  const verifications = verificationsFor(verifierOptions, settings);
  const scheme = new Basic(settings.realm, verifications);
  const readiness = new ReadinessProbe(verifierOptions, verifications);
  return authWith([scheme], verifications, readiness, settings);
}
