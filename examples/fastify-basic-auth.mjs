// @ts-check
// Fastify 5 with @fastify/basic-auth: the plugin reads the header, a Verifier the password.
//
// For servers that have the plugin already. It asks the KDC at every request: a hook, as in
// fastify.mjs, remembers who logged in.

import basicAuth from '@fastify/basic-auth';
import fastify from 'fastify';
import { KpassError, Verifier } from 'kpass';
import { ADDRESS, announce, HOST, KEYTAB, PORT, REALM, tls } from './environment.mjs';

const TRY_LATER = ['ERR_KPASS_KDC', 'ERR_KPASS_TIMEOUT', 'ERR_KPASS_BUSY'];

const verifier = new Verifier({ service: 'HTTP', host: HOST, keytab: KEYTAB });
const app = fastify({ https: tls });
app.decorateRequest('principal', '');

/**
 * What Fastify answers with. An error without a status would become 401, and its message, which
 * names the keytab and the KDCs, the body.
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
      throw error instanceof KpassError && TRY_LATER.includes(error.code)
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
