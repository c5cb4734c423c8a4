// @ts-check
// hapi with @hapi/basic: the plugin reads the header, and a Verifier verifies the password, at every
// request.

import basic from '@hapi/basic';
import { server as createServer } from '@hapi/hapi';
import { KpassError, Verifier } from 'kpass';
import { ADDRESS, announce, HOST, KEYTAB, PORT, REALM, tls } from './environment.mjs';

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
      console.error(error); // The log gets the whole error, and the browser learns nothing of it.
      const later = error instanceof KpassError && error.temporary;
      return {
        response: later
          ? h.response('Try again later.').code(503).header('Retry-After', '5')
          : h.response('Something is wrong on this server.').code(500),
      };
    }
  },
});
server.auth.default('kerberos');

// @hapi/basic answers 400 to a header that it cannot read. Such a header holds no credentials: ask for
// some.
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
