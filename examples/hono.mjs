// @ts-check
// Hono on @hono/node-server: check() in a middleware, for Node's request below Hono's own.

import { createServer } from 'node:https';
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { KpassError } from 'kpass';
import { basicAuth } from 'kpass/http';
import { ADDRESS, announce, HOST, KEYTAB, PORT, REALM, tls } from './environment.mjs';

const CHALLENGE = `Basic realm="${REALM}", charset="UTF-8"`;
const TRY_LATER = ['ERR_KPASS_KDC', 'ERR_KPASS_TIMEOUT', 'ERR_KPASS_BUSY'];

const auth = basicAuth({ service: 'HTTP', host: HOST, keytab: KEYTAB, realm: REALM });

/** @type {Hono<{ Bindings: import('@hono/node-server').HttpBindings }>} */
const app = new Hono();

app.use(async (c, next) => {
  if (await auth.check(c.env.incoming)) return next();
  return c.text('A user name and a password, please.', 401, { 'WWW-Authenticate': CHALLENGE });
});
app.onError((error, c) => {
  console.error(error); // All of it is for the log; the browser learns nothing.
  const later = error instanceof KpassError && TRY_LATER.includes(error.code);
  return c.text('Something is wrong on this server.', later ? 503 : 500);
});
app.get('/', (c) => c.text(`Welcome, ${c.env.incoming.kpass?.principal}.`));

const server = serve(
  { fetch: app.fetch, createServer, serverOptions: tls, port: PORT, hostname: ADDRESS },
  () => announce(server),
);
