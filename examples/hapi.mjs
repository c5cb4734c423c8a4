// @ts-check
// hapi: check() in a scheme of its own. If your server has @hapi/basic: see hapi-basic.mjs.

import { subscribe } from 'node:diagnostics_channel';
import { server as createServer } from '@hapi/hapi';
import { kerberosAuth } from 'kpass/http';
import { ADDRESS, announce, HOST, KEYTAB, PORT, REALM, tls } from './environment.mjs';

// The log gets the whole error. The browser learns nothing of it.
subscribe('kpass:error', (/** @type {any} */ { error }) => console.error(error));

const auth = kerberosAuth({ service: 'HTTP', host: HOST, keytab: KEYTAB, realm: REALM });
const server = createServer({ port: PORT, address: ADDRESS, tls });

server.auth.scheme('kerberos', () => ({
  async authenticate({ raw: { req, res } }, h) {
    try {
      const identity = await auth.check(req);
      // On Node's own response: hapi makes one line of two challenges.
      res.setHeaders(new Map(Object.entries(auth.headers(req))));
      if (identity) return h.authenticated({ credentials: { app: identity } });
      return h.response('A user name and a password, please.').code(401).takeover();
    } catch (error) {
      const { statusCode, headers, message } = /** @type {import('kpass/http').RequestError} */ (
        error
      );
      res.setHeaders(new Map(Object.entries(headers)));
      return h.response(message).code(statusCode).takeover();
    }
  },
}));
server.auth.strategy('kerberos', 'kerberos');
server.auth.default('kerberos');

server.route({
  method: 'GET',
  path: '/',
  handler: ({ raw }, h) => h.response(`Welcome, ${raw.req.kpass?.principal}.`).type('text/plain'),
});

await server.start();
announce(server.listener);
