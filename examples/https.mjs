// @ts-check
// Node's own https: check() says who sent a request, and leaves the answer to you.

import { createServer } from 'node:https';
import { KpassError } from 'kpass';
import { basicAuth } from 'kpass/http';
import { ADDRESS, announce, HOST, KEYTAB, PORT, REALM, tls } from './environment.mjs';

const CHALLENGE = `Basic realm="${REALM}", charset="UTF-8"`;
const TRY_LATER = ['ERR_KPASS_KDC', 'ERR_KPASS_TIMEOUT', 'ERR_KPASS_BUSY'];

const auth = basicAuth({ service: 'HTTP', host: HOST, keytab: KEYTAB, realm: REALM });

const server = createServer(tls, async (request, response) => {
  response.setHeader('Content-Type', 'text/plain; charset=utf-8');
  try {
    const identity = await auth.check(request);
    if (identity) {
      response.end(`Welcome, ${identity.principal}.`);
    } else {
      response.writeHead(401, { 'WWW-Authenticate': CHALLENGE });
      response.end('A user name and a password, please.');
    }
  } catch (error) {
    console.error(error); // All of it is for the log; the browser learns nothing.
    const later = error instanceof KpassError && TRY_LATER.includes(error.code);
    response.writeHead(later ? 503 : 500).end('Something is wrong on this server.');
  }
});
server.listen(PORT, ADDRESS, () => announce(server));
