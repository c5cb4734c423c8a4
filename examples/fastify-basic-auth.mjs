// @ts-check
// Fastify 5 with @fastify/basic-auth: the plugin reads the header, and a Verifier verifies the
// password.
//
// This is for servers that have the plugin already. It asks the KDC at every request. The hook of
// fastify.mjs asks less often, because it remembers logins.

import basicAuth from '@fastify/basic-auth';
import fastify from 'fastify';
import { KpassError, Verifier } from 'kpass';
import { ADDRESS, announce, HOST, KEYTAB, PORT, REALM, tls } from './environment.mjs';

const verifier = new Verifier({ service: 'HTTP', host: HOST, keytab: KEYTAB });
const app = fastify({ https: tls });
app.decorateRequest('principal', '');

/**
 * An error that Fastify turns into the answer. Without a status, the answer would be a 401 with the
 * error's message in its body. That message names the keytab and the KDCs.
 * @param {number} statusCode
 * @param {string} message
 * @param {Record<string, string>} [headers]
 */
const answer = (statusCode, message, headers = {}) =>
  Object.assign(new Error(message), { statusCode, headers });

await app.register(basicAuth, {
  authenticate: { realm: REALM },
  async validate(user, password, request) {
    const verdict = await verifier.verify(user, password).catch((error) => {
      console.error(error);
      throw error instanceof KpassError && error.temporary
        ? answer(503, 'Try again later.', { 'Retry-After': '5' })
        : answer(500, 'Something is wrong on this server.');
    });
    if (!verdict.verified) throw answer(401, 'A user name and a password, please.');
    request.setDecorator('principal', verdict.principal);
  },
});
app.addHook('onRequest', app.basicAuth);
app.get('/', (request) => `Welcome, ${request.getDecorator('principal')}.`);

await app.listen({ port: PORT, host: ADDRESS });
announce(app.server);
