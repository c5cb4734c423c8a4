// @ts-check
// Fastify 5: check() in a hook. If your server has @fastify/basic-auth: see fastify-basic-auth.mjs.

import { subscribe } from 'node:diagnostics_channel';
import fastify from 'fastify';
import { kerberosAuth } from 'kpass/http';
import { ADDRESS, announce, HOST, KEYTAB, PORT, REALM, tls } from './environment.mjs';

// The log gets the whole error. The browser learns nothing of it.
subscribe('kpass:error', ({ error }) => console.error(error));

const auth = kerberosAuth({ service: 'HTTP', host: HOST, keytab: KEYTAB, realm: REALM });
const app = fastify({ https: tls });

app.addHook('onRequest', (request, reply) =>
  auth.check(request.raw).then(
    (identity) => {
      reply.headers(auth.headers(request.raw));
      if (identity) return;
      return reply.code(401).send('A user name and a password, please.');
    },
    ({ statusCode, headers, message }) => reply.code(statusCode).headers(headers).send(message),
  ),
);
app.get('/', (request) => `Welcome, ${request.raw.kpass?.principal}.`);

await app.listen({ port: PORT, host: ADDRESS });
announce(app.server);
