// @ts-check
// Passport with the LocalStrategy of passport-local, on Express 5: the fields of a form.

import { createServer } from 'node:https';
import express from 'express';
import { basicAuth } from 'kpass/http';
import passport from 'passport';
import { Strategy as LocalStrategy } from 'passport-local';
import { ADDRESS, announce, HOST, KEYTAB, PORT, REALM, tls } from './environment.mjs';

const auth = basicAuth({ service: 'HTTP', host: HOST, keytab: KEYTAB, realm: REALM });

passport.use(
  new LocalStrategy((user, password, done) => {
    auth.verify(user, password).then(
      (verdict) => done(null, verdict.verified ? { principal: verdict.principal } : false),
      (error) => done(error),
    );
  }),
);

const app = express();
app.post(
  '/login',
  express.urlencoded(),
  passport.authenticate('local', { session: false }),
  (request, response) => {
    const { principal } = /** @type {{ principal: string }} */ (request.user);
    response.type('text').send(`Welcome, ${principal}.`);
  },
);

// Without this, Express would send the error to the browser.
/** @type {express.ErrorRequestHandler} */
const onError = (error, _request, response, _next) => {
  console.error(error);
  response
    .status(error.temporary ? 503 : 500)
    .type('text')
    .send('Something is wrong here.');
};
app.use(onError);

const server = createServer(tls, app);
server.listen(PORT, ADDRESS, () => announce(server));
