// @ts-check
// What both servers share: the login, the session's cookie, and the style.

import { randomBytes } from 'node:crypto';
import { subscribe } from 'node:diagnostics_channel';
import { readFileSync } from 'node:fs';
import { kerberosAuth } from 'kpass/http';
import { HOST, KEYTAB, REALM } from '../environment.mjs';

// Negotiate alone: the form takes the place of Basic's dialogue. A form is where guessers come.
export const auth = kerberosAuth({
  service: 'HTTP',
  host: HOST,
  keytab: KEYTAB,
  realm: REALM,
  schemes: ['Negotiate'],
  throttle: { attempts: 3, window: 30 * 60_000 },
});

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
