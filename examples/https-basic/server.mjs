// @ts-check
// A page behind a Kerberos password: HTTP Basic authentication (RFC 7617), over TLS only.
//
//   npm install kpass selfsigned
//   HOST=www.example.com KEYTAB=/etc/http.keytab node server.mjs
//
// Environment: HOST names the service, HTTP/<HOST>, and the certificate (localhost); KEYTAB holds
// the service's key (libkrb5's default keytab); REALM is shown to the user (EXAMPLE.COM); ADDRESS
// and PORT are where to listen (127.0.0.1, 8443); CERTIFICATE is a file to write the certificate
// to, for curl --cacert. libkrb5 itself reads KRB5_CONFIG.

import { subscribe } from 'node:diagnostics_channel';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { basicAuth } from 'kpass/http';
import { generate } from 'selfsigned';
import { respond } from './page.mjs';

const { HOST = 'localhost', KEYTAB = null, REALM = 'EXAMPLE.COM' } = process.env;
const { ADDRESS = '127.0.0.1', PORT = '8443', CERTIFICATE } = process.env;

// Answers 401, 503 and 500 itself. A password that was right is remembered for a minute, so the
// many requests of one browser are one login at the KDC.
const auth = basicAuth({ service: 'HTTP', host: HOST, keytab: KEYTAB, realm: REALM });

// What went wrong is for the log, all of it; the browser learns nothing.
subscribe('kpass:error', (message) => {
  console.error(/** @type {{ error: unknown }} */ (message).error);
});

const certificate = await generate([{ name: 'commonName', value: HOST }], { algorithm: 'sha256' });
if (CERTIFICATE) writeFileSync(CERTIFICATE, certificate.cert);

const server = createServer({ key: certificate.private, cert: certificate.cert });
server.on('request', (request, response) => {
  auth(request, response, () => respond(request, response)); // Who it is: request.kpass
});
server.listen(Number(PORT), ADDRESS, () => {
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  console.log(`https://${HOST}:${port}/`);
});
