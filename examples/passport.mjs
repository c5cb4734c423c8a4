// @ts-check
// Passport with the BasicStrategy of passport-http, on Express 5. Express itself turns an error of the
// strategy into the right answer.

import { subscribe } from 'node:diagnostics_channel';
import { createServer } from 'node:https';
import express from 'express';
import { kerberosAuth } from 'kpass/http';
import passport from 'passport';
import { BasicStrategy } from 'passport-http';
import { ADDRESS, announce, HOST, KEYTAB, PORT, REALM, tls } from './environment.mjs';

// The log gets the whole error. The browser learns nothing of it.
subscribe('kpass:error', ({ error }) => console.error(error));

const auth = kerberosAuth({ service: 'HTTP', host: HOST, keytab: KEYTAB, realm: REALM });

/**
 * BasicStrategy cuts a password at its second colon: it reads "a:b" as "a", and "wonderland:junk" gets in
 * as "wonderland". So kpass reads the header here.
 */
class KerberosStrategy extends BasicStrategy {
  /**
   * @override
   * @this {import('passport').StrategyCreated<KerberosStrategy>}
   * @param {import('express').Request} request
   */
  authenticate(request) {
    auth.check(request).then(
      (identity) => {
        request.res?.set(auth.headers(request));
        if (identity) this.success(identity);
        else this.fail(401);
      },
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
