// @ts-check
// Express 5 with a form and a session: verify() takes what the form sends, whatever that is.

import { randomBytes } from 'node:crypto';
import { createServer } from 'node:https';
import express from 'express';
import session from 'express-session';
import { basicAuth } from 'kpass/http';
import { ADDRESS, announce, HOST, KEYTAB, PORT, REALM, tls } from './environment.mjs';

const throttle = { attempts: 3, window: 30 * 60_000 };
const auth = basicAuth({ service: 'HTTP', host: HOST, keytab: KEYTAB, realm: REALM, throttle });

const app = express();
app.use(
  session({
    secret: randomBytes(32).toString('hex'),
    resave: false,
    saveUninitialized: false,
    cookie: { secure: true, sameSite: 'lax' },
  }),
);

app.post('/login', express.urlencoded(), async (request, response, next) => {
  const verdict = await auth.verify(request.body?.user, request.body?.password);
  if (!verdict.verified) {
    response.status(401).type('text').send('This name and password do not log in.');
    return;
  }
  // A new session: whoever had planted the old one's cookie does not have this one's.
  request.session.regenerate((error) => {
    if (error) return next(error);
    Object.assign(request.session, { principal: verdict.principal });
    response.redirect(303, '/');
  });
});

app.get('/', (request, response) => {
  const { principal } = /** @type {{ principal?: string }} */ (
    /** @type {unknown} */ (request.session)
  );
  if (principal) response.type('text').send(`Welcome, ${principal}.`);
  else response.status(401).type('text').send('Log in, please.');
});

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
