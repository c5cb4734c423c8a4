// @ts-check
// hapi with @hapi/basic: the plugin reads the header, a Verifier the password, at every request.

import basic from '@hapi/basic';
import { server as createServer } from '@hapi/hapi';
import { KpassError, Verifier } from 'kpass';
import { ADDRESS, announce, HOST, KEYTAB, PORT, REALM, tls } from './environment.mjs';

const TRY_LATER = ['ERR_KPASS_KDC', 'ERR_KPASS_TIMEOUT', 'ERR_KPASS_BUSY'];

const verifier = new Verifier({ service: 'HTTP', host: HOST, keytab: KEYTAB });
const server = createServer({ port: PORT, address: ADDRESS, tls });

await server.register(basic);
server.auth.strategy('kerberos', 'basic', {
  unauthorizedAttributes: { realm: REALM, charset: 'UTF-8' },
  /** @type {import('@hapi/basic').Validate} */
  async validate(_request, user, password, h) {
    try {
      const verdict = await verifier.verify(user, password);
      return { isValid: verdict.verified, credentials: verdict };
    } catch (error) {
      console.error(error); // All of it is for the log; the browser learns nothing.
      const later = error instanceof KpassError && TRY_LATER.includes(error.code);
      return {
        response: later
          ? h.response('Try again later.').code(503).header('Retry-After', '5')
          : h.response('Something is wrong on this server.').code(500),
      };
    }
  },
});
server.auth.default('kerberos');

// A header that it cannot read gets 400 from @hapi/basic. It holds no credentials: ask for some.
server.ext('onPreResponse', ({ auth, response }, h) =>
  response === auth.error && 'isBoom' in response && response.output.statusCode === 400
    ? h
        .response('A user name and a password, please.')
        .code(401)
        .header('WWW-Authenticate', `Basic realm="${REALM}", charset="UTF-8"`)
    : h.continue,
);

server.route({
  method: 'GET',
  path: '/',
  handler: ({ auth }, h) =>
    h.response(`Welcome, ${auth.credentials.principal}.`).type('text/plain'),
});

await server.start();
announce(server.listener);
