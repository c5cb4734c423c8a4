// @ts-check
// Node's own https: check() finds the user of a request. The answer is yours.

import { subscribe } from 'node:diagnostics_channel';
import { createServer } from 'node:https';
import { kerberosAuth } from 'kpass/http';
import { ADDRESS, announce, HOST, KEYTAB, PORT, REALM, tls } from './environment.mjs';

// The log gets the whole error. The browser learns nothing of it.
subscribe('kpass:error', ({ error }) => console.error(error));

const auth = kerberosAuth({ service: 'HTTP', host: HOST, keytab: KEYTAB, realm: REALM });

const server = createServer(tls, (request, response) => {
  response.setHeader('Content-Type', 'text/plain; charset=utf-8');
  auth.check(request).then(
    (identity) => {
      response.setHeaders(new Map(Object.entries(auth.headers(request))));
      if (identity) {
        response.end(`Welcome, ${identity.principal}.`);
      } else {
        response.writeHead(401).end('A user name and a password, please.');
      }
    },
    ({ statusCode, headers, message }) => response.writeHead(statusCode, headers).end(message),
  );
});
server.listen(PORT, ADDRESS, () => announce(server));
