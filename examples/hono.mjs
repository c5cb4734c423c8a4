// @ts-check
// Hono on @hono/node-server: check() in a middleware. It takes Node's request, not Hono's.

import { subscribe } from 'node:diagnostics_channel';
import { createServer } from 'node:https';
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { basicAuth } from 'kpass/http';
import { ADDRESS, announce, HOST, KEYTAB, PORT, REALM, tls } from './environment.mjs';

// The log gets the whole error. The browser learns nothing of it.
subscribe('kpass:error', ({ error }) => console.error(error));

const auth = basicAuth({ service: 'HTTP', host: HOST, keytab: KEYTAB, realm: REALM });

/** @type {Hono<{ Bindings: import('@hono/node-server').HttpBindings }>} */
const app = new Hono();

app.use(async (c, next) => {
  const request = c.env.incoming;
  const challenge = () => c.text('A user name and a password, please.', 401, auth.headers(request));
  const refusal = await auth.check(request).then(
    (identity) => (identity ? null : challenge()),
    ({ statusCode, headers, message }) => c.text(message, statusCode, headers),
  );
  return refusal ?? next();
});
app.get('/', (c) => c.text(`Welcome, ${c.env.incoming.kpass?.principal}.`));

const server = serve(
  { fetch: app.fetch, createServer, serverOptions: tls, port: PORT, hostname: ADDRESS },
  () => announce(server),
);
