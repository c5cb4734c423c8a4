// @ts-check
// Passport with the BasicStrategy of passport-http, on Express 5. What the strategy fails with,
// Express turns into the right answer by itself.

import { subscribe } from 'node:diagnostics_channel';
import { createServer } from 'node:https';
import express from 'express';
import { basicAuth } from 'kpass/http';
import passport from 'passport';
import { BasicStrategy } from 'passport-http';
import { ADDRESS, announce, HOST, KEYTAB, PORT, REALM, tls } from './environment.mjs';

const CHALLENGE = `Basic realm="${REALM}", charset="UTF-8"`;

// All of an error is for the log; the browser learns nothing.
subscribe('kpass:error', (/** @type {any} */ { error }) => console.error(error));

const auth = basicAuth({ service: 'HTTP', host: HOST, keytab: KEYTAB, realm: REALM });

/**
 * BasicStrategy cuts a password at its second colon: it makes "a" of "a:b", and whoever sends
 * "wonderland:junk" gets in with "wonderland". So kpass reads the header.
 */
class KerberosStrategy extends BasicStrategy {
  /**
   * @override
   * @this {import('passport').StrategyCreated<KerberosStrategy>}
   * @param {import('express').Request} request
   */
  authenticate(request) {
    auth.check(request).then(
      (identity) => (identity ? this.success(identity) : this.fail(CHALLENGE)),
      (error) => this.error(error),
    );
  }
}

passport.use(new KerberosStrategy(() => {}));

const app = express();
app.use(passport.authenticate('basic', { session: false }));
app.get('/', (request, response) => {
  const { principal } = /** @type {import('kpass/http').Identity} */ (request.user);
  response.type('text').send(`Welcome, ${principal}.`);
});

const server = createServer(tls, app);
server.listen(PORT, ADDRESS, () => announce(server));
