// @ts-check
// Passport with the BasicStrategy of passport-http, on Express 5.

import { createServer } from 'node:https';
import express from 'express';
import { KpassError } from 'kpass';
import { basicAuth } from 'kpass/http';
import passport from 'passport';
import { BasicStrategy } from 'passport-http';
import { ADDRESS, announce, HOST, KEYTAB, PORT, REALM, tls } from './environment.mjs';

const CHALLENGE = `Basic realm="${REALM}", charset="UTF-8"`;
const TRY_LATER = ['ERR_KPASS_KDC', 'ERR_KPASS_TIMEOUT', 'ERR_KPASS_BUSY'];

const auth = basicAuth({ service: 'HTTP', host: HOST, keytab: KEYTAB, realm: REALM });

/**
 * BasicStrategy cuts a password at its second colon: "a:b" becomes "a", and "wonderland:junk" would
 * pass for "wonderland". So kpass reads the header.
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

/** @type {import('express').ErrorRequestHandler} */
const onError = (error, _request, response, _next) => {
  console.error(error); // Express would send it, with its stack, unless NODE_ENV is production.
  const later = error instanceof KpassError && TRY_LATER.includes(error.code);
  response
    .status(later ? 503 : 500)
    .type('text')
    .send('Something is wrong on this server.');
};
app.use(onError);

const server = createServer(tls, app);
server.listen(PORT, ADDRESS, () => announce(server));
