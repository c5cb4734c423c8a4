// @ts-check
// Fastify 5: check() in a hook. (For servers that have @fastify/basic-auth: fastify-basic-auth.mjs.)

import { subscribe } from 'node:diagnostics_channel';
import fastify from 'fastify';
import { basicAuth } from 'kpass/http';
import { ADDRESS, announce, HOST, KEYTAB, PORT, REALM, tls } from './environment.mjs';

const CHALLENGE = `Basic realm="${REALM}", charset="UTF-8"`;

// All of an error is for the log; the browser learns nothing.
subscribe('kpass:error', (/** @type {any} */ { error }) => console.error(error));

const auth = basicAuth({ service: 'HTTP', host: HOST, keytab: KEYTAB, realm: REALM });
const app = fastify({ https: tls });

app.addHook('onRequest', async (request, reply) => {
  try {
    if (await auth.check(request.raw)) return;
    reply.code(401).header('WWW-Authenticate', CHALLENGE);
    return reply.send('A user name and a password, please.');
  } catch (error) {
    const answer = /** @type {import('kpass/http').RequestError} */ (error);
    return reply.code(answer.statusCode).headers(answer.headers).send(answer.message);
  }
});
app.get('/', (request) => `Welcome, ${request.raw.kpass?.principal}.`);

await app.listen({ port: PORT, host: ADDRESS });
announce(app.server);
