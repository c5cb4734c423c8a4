// @ts-check
// A login form, a session, and tickets before passwords, on Express 5.
//
//   npm install kpass express iron-session selfsigned
//   HOST=www.example.com KEYTAB=/etc/http.keytab node express.mjs

import { createServer } from 'node:https';
import express from 'express';
import { getIronSession } from 'iron-session';
import { ADDRESS, announce, PORT, tls } from '../environment.mjs';
import { failurePage, siteFor } from './flow.mjs';
import { auth, authWithCode, sealed, style } from './settings.mjs';

const site = siteFor(auth, authWithCode);
const app = express();
app.disable('x-powered-by');
app.get('/style.css', (_, response) => {
  response.type('css').send(style);
});

app.use(express.urlencoded({ extended: false, limit: '8kb' }), async (request, response) => {
  /** @type {import('iron-session').IronSession<import('./flow.mjs').Session>} */
  const session = await getIronSession(request, response, sealed);
  const answer = await site(request, session, request.body).catch(failed);
  await session.save();
  response.status(answer.status).set(answer.headers).send(answer.body);
});

// A body that Express cannot read. Its own answer would show the browser a stack.
/** @type {express.ErrorRequestHandler} */
const onError = ({ status = 500 }, _request, response, _next) => {
  response.status(status).type('text').send('This form cannot be read.');
};
app.use(onError);

/** @param {unknown} error */
function failed(error) {
  console.error(error);
  return failurePage(error);
}

const server = createServer(tls, app);
server.listen(PORT, ADDRESS, () => announce(server));
