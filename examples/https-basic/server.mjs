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

import { isUtf8 } from 'node:buffer';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { KpassError, Verifier } from 'kpass';
import { generate } from 'selfsigned';

const { HOST = 'localhost', KEYTAB = null, REALM = 'EXAMPLE.COM' } = process.env;
const { ADDRESS = '127.0.0.1', PORT = '8443', CERTIFICATE } = process.env;

const CHALLENGE = { 'WWW-Authenticate': `Basic realm="${REALM}"` };
const TRY_LATER = new Set(['ERR_KPASS_KDC', 'ERR_KPASS_TIMEOUT', 'ERR_KPASS_BUSY']);

const verifier = new Verifier({ service: 'HTTP', host: HOST, keytab: KEYTAB });

/**
 * The user and the password of an Authorization header; null where it holds none.
 * @param {string} header
 */
function credentials(header) {
  const encoded = /^basic +(\S+)$/i.exec(header)?.[1] ?? '';
  const bytes = Buffer.from(encoded, 'base64');
  if (bytes.toString('base64') !== encoded) return null; // Node skips what is not base64.
  if (!isUtf8(bytes)) return null;
  const colon = bytes.indexOf(':'); // The first: a password may hold more of them.
  if (colon < 0) return null;
  return { user: bytes.toString('utf8', 0, colon), password: bytes.subarray(colon + 1) };
}

/** @param {string} text */
const escapeHtml = (text) => text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

/**
 * @param {string} header
 * @returns {Promise<{ status: number, text: string, headers?: Record<string, string> }>}
 */
async function answer(header) {
  const refusal = { status: 401, text: 'A user name and a password, please.', headers: CHALLENGE };
  const given = credentials(header);
  if (given === null) return refusal;
  try {
    const verdict = await verifier.verify(given.user, given.password);
    return verdict.verified ? { status: 200, text: `Welcome, ${verdict.principal}.` } : refusal;
  } catch (error) {
    console.error(error); // All of it is for the log; the browser learns nothing.
    return error instanceof KpassError && TRY_LATER.has(error.code)
      ? { status: 503, text: 'Passwords cannot be verified now. Try again later.' }
      : { status: 500, text: 'Something is wrong on this server.' };
  } finally {
    given.password.fill(0);
  }
}

const certificate = await generate([{ name: 'commonName', value: HOST }], { algorithm: 'sha256' });
if (CERTIFICATE) writeFileSync(CERTIFICATE, certificate.cert);

const server = createServer({ key: certificate.private, cert: certificate.cert });
server.on('request', async (request, response) => {
  const { status, text, headers } = await answer(request.headers.authorization ?? '');
  response.writeHead(status, {
    'Content-Type': 'text/html; charset=utf-8',
    'Cache-Control': 'no-store',
    ...headers,
  });
  response.end(`<!doctype html>\n<title>kpass</title>\n<p>${escapeHtml(text)}</p>\n`);
});
server.listen(Number(PORT), ADDRESS, () => {
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  console.log(`https://${HOST}:${port}/`);
});
