// @ts-check
// Node's own https: check() says who sent a request, and leaves the answer to you.

import { subscribe } from 'node:diagnostics_channel';
import { createServer } from 'node:https';
import { basicAuth } from 'kpass/http';
import { ADDRESS, announce, HOST, KEYTAB, PORT, REALM, tls } from './environment.mjs';

const CHALLENGE = `Basic realm="${REALM}", charset="UTF-8"`;

// All of an error is for the log; the browser learns nothing.
subscribe('kpass:error', (/** @type {any} */ { error }) => console.error(error));

const auth = basicAuth({ service: 'HTTP', host: HOST, keytab: KEYTAB, realm: REALM });

const server = createServer(tls, (request, response) => {
  response.setHeader('Content-Type', 'text/plain; charset=utf-8');
  auth.check(request).then(
    (identity) => {
      if (identity) {
        response.end(`Welcome, ${identity.principal}.`);
      } else {
        response.writeHead(401, { 'WWW-Authenticate': CHALLENGE });
        response.end('A user name and a password, please.');
      }
    },
    ({ statusCode, headers, message }) => response.writeHead(statusCode, headers).end(message),
  );
});
server.listen(PORT, ADDRESS, () => announce(server));
