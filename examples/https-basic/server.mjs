// @ts-check
// A page behind Kerberos, over TLS only. Users who have a ticket are let in by it (Negotiate, RFC 4559).
// All others are asked for their password (Basic, RFC 7617).
//
//   npm install kpass selfsigned
//   HOST=www.example.com KEYTAB=/etc/http.keytab node server.mjs
//
// HOST: the name in the service HTTP/<HOST> and in the certificate (default: localhost).
// KEYTAB: the file with the service's key (default: libkrb5's default keytab).
// REALM: text shown to the user (default: EXAMPLE.COM).
// ADDRESS, PORT: the address to listen on (default: 127.0.0.1, 8443).
// CERTIFICATE: a file to write the certificate to, for curl --cacert (default: none).
// KRB5_CONFIG: libkrb5 reads it.

import { subscribe } from 'node:diagnostics_channel';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { kerberosAuth } from 'kpass/http';
import { generate } from 'selfsigned';
import { respond } from './page.mjs';

const { HOST = 'localhost', KEYTAB = null, REALM = 'EXAMPLE.COM' } = process.env;
const { ADDRESS = '127.0.0.1', PORT = '8443', CERTIFICATE } = process.env;

// Answers 401, 503 and 500 itself. It remembers a right password for a minute, so the many requests of
// one browser are one login at the KDC. A ticket needs no KDC here.
const auth = kerberosAuth({ service: 'HTTP', host: HOST, keytab: KEYTAB, realm: REALM });

// The log gets the whole error. The browser learns nothing of it.
subscribe('kpass:error', (message) => {
  console.error(/** @type {{ error: unknown }} */ (message).error);
});

const certificate = await generate([{ name: 'commonName', value: HOST }], { algorithm: 'sha256' });
if (CERTIFICATE) writeFileSync(CERTIFICATE, certificate.cert);

// Tickets of Active Directory may be longer than all headers that Node takes by default.
const maxHeaderSize = 128 * 1024;
const server = createServer({ key: certificate.private, cert: certificate.cert, maxHeaderSize });
server.on('request', (request, response) => {
  auth(request, response, () => respond(request, response)); // The user: request.kpass
});
server.listen(Number(PORT), ADDRESS, () => {
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  console.log(`https://${HOST}:${port}/`);
});
