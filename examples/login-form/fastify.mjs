// @ts-check
// A login form, a session, and tickets before passwords, on Fastify 5.
//
//   npm install kpass fastify @fastify/formbody iron-session selfsigned
//   HOST=www.example.com KEYTAB=/etc/http.keytab node fastify.mjs

import formbody from '@fastify/formbody';
import fastify from 'fastify';
import { getIronSession } from 'iron-session';
import { ADDRESS, announce, PORT, tls } from '../environment.mjs';
import { failurePage, siteFor } from './flow.mjs';
import { auth, authWithCode, sealed, style } from './settings.mjs';

const site = siteFor(auth, authWithCode);
const app = fastify({ https: tls, bodyLimit: 8 * 1024 });
await app.register(formbody);
app.get('/style.css', (_, reply) => reply.type('text/css; charset=utf-8').send(style));

app.route({
  method: ['GET', 'POST'],
  url: '/*',
  async handler(request, reply) {
    /** @type {import('iron-session').IronSession<import('./flow.mjs').Session>} */
    const session = await getIronSession(request.raw, reply.raw, sealed);
    const answer = await site(request.raw, session, request.body).catch(failed);
    await session.save();
    return reply.code(answer.status).headers(answer.headers).send(answer.body);
  },
});

/** @param {unknown} error */
function failed(error) {
  console.error(error);
  return failurePage(error);
}

await app.listen({ port: PORT, host: ADDRESS });
announce(app.server);
