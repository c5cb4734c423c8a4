// @ts-check
// Express 5 with a session: a browser logs in once, by ticket or password. The session's cookie then stands
// for the login, and no further request costs a 401.

import { randomBytes } from 'node:crypto';
import { subscribe } from 'node:diagnostics_channel';
import { createServer } from 'node:https';
import express from 'express';
import session from 'express-session';
import { kerberosAuth } from 'kpass/http';
import { ADDRESS, announce, HOST, KEYTAB, PORT, REALM, tls } from './environment.mjs';

// The log gets the whole error. The browser learns nothing of it.
subscribe('kpass:error', (/** @type {any} */ { error }) => console.error(error));

const auth = kerberosAuth({ service: 'HTTP', host: HOST, keytab: KEYTAB, realm: REALM });

const app = express();
app.use(
  session({
    secret: randomBytes(32).toString('hex'),
    resave: false,
    saveUninitialized: false,
    cookie: { secure: true, sameSite: 'lax', maxAge: 60 * 60_000 },
  }),
);

/** @param {import('express').Request} request */
const sessionOf = ({ session }) =>
  /** @type {{ principal?: string }} */ (/** @type {unknown} */ (session));

app.use((request, response, next) => {
  if (sessionOf(request).principal) return next();
  auth(request, response, () => {
    // A new session: whoever had planted the old one's cookie does not have this one's.
    request.session.regenerate((error) => {
      if (error) return next(error);
      Object.assign(request.session, { principal: request.kpass?.principal });
      next();
    });
  });
});
app.get('/', (request, response) => {
  response.type('text').send(`Welcome, ${sessionOf(request).principal}.`);
});

const server = createServer(tls, app);
server.listen(PORT, ADDRESS, () => announce(server));
