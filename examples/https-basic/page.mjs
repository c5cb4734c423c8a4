// @ts-check
// The page that a logged-in user sees: it names the user. Its style and its pictures are files in this
// folder.

import { readFileSync } from 'node:fs';

/** @typedef {import('kpass/http').Identity} Identity */
/** @typedef {import('node:http').IncomingMessage} Request */
/** @typedef {import('node:http').ServerResponse} Response */

const TYPES = { css: 'text/css; charset=utf-8', svg: 'image/svg+xml' };
const FILES = new Map([
  file('style.css', TYPES.css),
  file('emblem.svg', TYPES.svg),
  file('mark.svg', TYPES.svg),
  file('favicon.svg', TYPES.svg),
]);

const HEADERS = {
  // Nothing from other servers, no scripts, and no other page may embed this one.
  'Content-Security-Policy':
    "default-src 'none'; style-src 'self'; img-src 'self'; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'Cache-Control': 'no-store', // For one user only: no cache on the way may keep it.
};

/**
 * The answer to a request that kerberosAuth has let through.
 * @param {Request} request
 * @param {Response} response
 */
export function respond({ kpass, url = '/' }, response) {
  const [path = ''] = url.split('?');
  if (path === '/' && kpass) return send(response, 200, 'text/html; charset=utf-8', page(kpass));
  const found = FILES.get(path);
  if (found) return send(response, 200, found.type, found.body);
  send(response, 404, 'text/plain; charset=utf-8', 'There is no such page here.\n');
}

/**
 * @param {Response} response
 * @param {number} status
 * @param {string} type
 * @param {string | Buffer} body
 */
function send(response, status, type, body) {
  response.writeHead(status, { ...HEADERS, 'Content-Type': type }).end(body);
}

/**
 * A file of this folder, and the path of its URL.
 * @param {string} name
 * @param {string} type
 * @returns {[string, { type: string, body: Buffer }]}
 */
function file(name, type) {
  return [`/${name}`, { type, body: readFileSync(new URL(name, import.meta.url)) }];
}

/** @param {string} text */
const escapeHtml = (text) => text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

/**
 * A name goes into <bdi>: letters that are written from right to left must not reorder the rest.
 * @param {Identity} identity
 */
function page(identity) {
  const user = escapeHtml(identity.user);
  const principal = escapeHtml(identity.principal);
  const realm = escapeHtml(identity.realm);
  return `<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <meta name="color-scheme" content="light dark">
  <title>${user} · kpass</title>
  <link rel="icon" href="/favicon.svg" type="image/svg+xml">
  <link rel="stylesheet" href="/style.css">
</head>
<body>
  <main class="ticket">
    <div class="stub">
      <img src="/emblem.svg" alt="" width="96" height="96">
      <p>Admit one</p>
    </div>
    <div class="body">
      <p class="verified"><img src="/mark.svg" alt="" width="20" height="20"> Verified</p>
      <h1>Welcome, <bdi>${user}</bdi></h1>
      <dl>
        <div><dt>User</dt><dd><bdi>${user}</bdi></dd></div>
        <div><dt>Principal</dt><dd><bdi>${principal}</bdi></dd></div>
        <div><dt>Realm</dt><dd><bdi>${realm}</bdi></dd></div>
      </dl>
      <p>
        The KDC gave a ticket for this server in return for your password, and this server’s own
        key opened it. So the password is right, and the KDC is the real one.
      </p>
      <p class="note">Your browser sends the password with each request, until you close it.</p>
    </div>
  </main>
</body>
</html>
`;
}
