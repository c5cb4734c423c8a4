// basicAuth(): HTTP Basic over TLS, against Kerberos.

import { checkSettings } from '../settings.js';
import { Verifier } from '../verifier.js';
import { authWith, type BasicAuth } from './auth.js';
import { Basic } from './basic.js';
import { changeFormOf, formOf } from './form.js';
import { type BasicAuthOptions, checkHttpOptions } from './options.js';
import { Verifications } from './verifications.js';

/**
 * Basic authentication for one service.
 *
 * @throws TypeError (ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE) for options that can never work
 */
export function basicAuth(options: BasicAuthOptions): BasicAuth {
  const [settings, verifierOptions] = checkHttpOptions(options);
  const verifier = new Verifier(verifierOptions);
  const verifications = new Verifications(verifier, checkSettings(verifierOptions), settings);
  const forms = { verify: formOf(verifications), changePassword: changeFormOf(verifications) };
  return authWith(new Basic(settings.realm, verifications), forms, settings);
}
