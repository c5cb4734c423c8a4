// @ts-check
// What every example here needs and your server has already: where to listen, a certificate, and
// the name and key of the service. From the environment, as in https-basic/server.mjs:
//
//   npm install kpass selfsigned express
//   HOST=www.example.com KEYTAB=/etc/http.keytab node express.mjs
//
// HOST names the service, HTTP/<HOST>, and the certificate (localhost); KEYTAB holds the service's
// key (libkrb5's default keytab); REALM is shown to the user (EXAMPLE.COM); ADDRESS and PORT are
// where to listen (127.0.0.1, 8443); CERTIFICATE is a file to write the certificate to, for curl
// --cacert. libkrb5 itself reads KRB5_CONFIG.

import { writeFileSync } from 'node:fs';
import { generate } from 'selfsigned';

export const { HOST = 'localhost', KEYTAB = null, REALM = 'EXAMPLE.COM' } = process.env;
export const { ADDRESS = '127.0.0.1' } = process.env;
export const PORT = Number(process.env.PORT ?? 8443);

const { CERTIFICATE } = process.env;
const pems = await generate([{ name: 'commonName', value: HOST }], { algorithm: 'sha256' });
if (CERTIFICATE) writeFileSync(CERTIFICATE, pems.cert);

/** The options of every TLS server of Node. */
export const tls = { key: pems.private, cert: pems.cert };

/**
 * Prints the URL of a server that listens.
 * @param {{ address(): import('node:net').AddressInfo | string | null }} server
 */
export function announce(server) {
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  console.log(`https://${HOST}:${port}/`);
}
