// @ts-check
// Fastify 5: check() in a hook. (For servers that have @fastify/basic-auth: fastify-basic-auth.mjs.)

import fastify from 'fastify';
import { KpassError } from 'kpass';
import { basicAuth } from 'kpass/http';
import { ADDRESS, announce, HOST, KEYTAB, PORT, REALM, tls } from './environment.mjs';

const CHALLENGE = `Basic realm="${REALM}", charset="UTF-8"`;
const TRY_LATER = ['ERR_KPASS_KDC', 'ERR_KPASS_TIMEOUT', 'ERR_KPASS_BUSY'];

const auth = basicAuth({ service: 'HTTP', host: HOST, keytab: KEYTAB, realm: REALM });
const app = fastify({ https: tls });

app.addHook('onRequest', async (request, reply) => {
  try {
    if (await auth.check(request.raw)) return;
  } catch (error) {
    console.error(error); // Fastify would send its message, which names the keytab and the KDCs.
    const later = error instanceof KpassError && TRY_LATER.includes(error.code);
    return reply.code(later ? 503 : 500).send('Something is wrong on this server.');
  }
  reply.code(401).header('WWW-Authenticate', CHALLENGE);
  return reply.send('A user name and a password, please.');
});
app.get('/', (request) => `Welcome, ${request.raw.kpass?.principal}.`);

await app.listen({ port: PORT, host: ADDRESS });
announce(app.server);
