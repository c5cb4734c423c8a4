// @ts-check
// Every example needs these things, and your server already has them: an address to listen on, a
// certificate, and the name and the key of the service. The examples take them from the environment,
// like https-basic/server.mjs:
//
//   npm install kpass selfsigned express
//   HOST=www.example.com KEYTAB=/etc/http.keytab node express.mjs
//
// HOST: the name in the service HTTP/<HOST> and in the certificate (default: localhost).
// KEYTAB: the file with the service's key (default: libkrb5's default keytab).
// REALM: text shown to the user (default: EXAMPLE.COM).
// ADDRESS, PORT: the address to listen on (default: 127.0.0.1, 8443).
// CERTIFICATE: a file to write the certificate to, for curl --cacert (default: none).
// KRB5_CONFIG: libkrb5 reads it.

import { writeFileSync } from 'node:fs';
import { generate } from 'selfsigned';

export const { HOST = 'localhost', KEYTAB = null, REALM = 'EXAMPLE.COM' } = process.env;
export const { ADDRESS = '127.0.0.1' } = process.env;
export const PORT = Number(process.env.PORT ?? 8443);

const { CERTIFICATE } = process.env;
const pems = await generate([{ name: 'commonName', value: HOST }], { algorithm: 'sha256' });
if (CERTIFICATE) writeFileSync(CERTIFICATE, pems.cert);

/** Options for any TLS server of Node. */
export const tls = { key: pems.private, cert: pems.cert };

/**
 * Prints the URL of a listening server.
 * @param {{ address(): import('node:net').AddressInfo | string | null }} server
 */
export function announce(server) {
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  console.log(`https://${HOST}:${port}/`);
}
