// @ts-check
// What both servers share: the login, the session's cookie, and the style.

import { randomBytes } from 'node:crypto';
import { subscribe } from 'node:diagnostics_channel';
import { readFileSync } from 'node:fs';
import { basicAuth, kerberosAuth } from 'kpass/http';
import { HOST, KEYTAB, REALM } from '../environment.mjs';

const service = { service: 'HTTP', host: HOST, keytab: KEYTAB, realm: REALM };
// A form is where guessers come.
const throttle = { attempts: 3, window: 30 * 60_000 };

// Negotiate alone: the form takes the place of Basic's dialogue.
export const auth = kerberosAuth({ ...service, schemes: ['Negotiate'], throttle });

// For users with a token, as FreeIPA has them: the password and the token's code in one value. A throttle of
// its own, so both together must stay below the KDC's lockout.
export const authWithCode = basicAuth({ ...service, otp: 'joined', throttle });

// The log gets the whole error. The browser learns nothing of it.
subscribe('kpass:error', (message) => {
  console.error(/** @type {{ error: unknown }} */ (message).error);
});

/**
 * For iron-session: the cookie is sealed, so nobody can read or change it. It ends with the browser.
 * SECRET: at least 32 characters, the same for all processes and after a restart.
 *
 * @type {import('iron-session').SessionOptions}
 */
export const sealed = {
  cookieName: '__Host-session',
  password: process.env.SECRET ?? randomBytes(32).toString('hex'),
  ttl: 8 * 3600,
  cookieOptions: { secure: true, httpOnly: true, sameSite: 'lax', path: '/', maxAge: undefined },
};

export const style = readFileSync(new URL('style.css', import.meta.url), 'utf8');
