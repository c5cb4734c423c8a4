// @ts-check
// Node's own http2, with HTTP/1.1 for clients that have no HTTP/2: the middleware. Browsers log in by
// ticket over HTTP/1.1 only, so over HTTP/2 it asks for a password alone.

import { subscribe } from 'node:diagnostics_channel';
import { createSecureServer } from 'node:http2';
import { kerberosAuth } from 'kpass/http';
import { ADDRESS, announce, HOST, KEYTAB, PORT, REALM, tls } from './environment.mjs';

// The log gets the whole error. The browser learns nothing of it.
subscribe('kpass:error', (/** @type {any} */ { error }) => console.error(error));

const auth = kerberosAuth({ service: 'HTTP', host: HOST, keytab: KEYTAB, realm: REALM });

const server = createSecureServer({ ...tls, allowHTTP1: true }, (request, response) => {
  // Node's types do not say so, but these are made to be used like those of node:http.
  const [incoming, outgoing] = /** @type {[any, any]} */ ([request, response]);
  auth(incoming, outgoing, () => {
    response.setHeader('Content-Type', 'text/plain; charset=utf-8');
    response.end(`Welcome, ${incoming.kpass.principal}.`);
  });
});
server.listen(PORT, ADDRESS, () => announce(server));
