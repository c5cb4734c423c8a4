// @ts-check
// Hono on @hono/node-server: check() in a middleware. It takes Node's request, not Hono's.

import { subscribe } from 'node:diagnostics_channel';
import { createServer } from 'node:https';
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { kerberosAuth } from 'kpass/http';
import { ADDRESS, announce, HOST, KEYTAB, PORT, REALM, tls } from './environment.mjs';

// The log gets the whole error. The browser learns nothing of it.
subscribe('kpass:error', ({ error }) => console.error(error));

const auth = kerberosAuth({ service: 'HTTP', host: HOST, keytab: KEYTAB, realm: REALM });

/** @type {Hono<{ Bindings: import('@hono/node-server').HttpBindings }>} */
const app = new Hono();

app.use(async (c, next) => {
  const { incoming, outgoing } = c.env;
  const refusal = await auth.check(incoming).then(
    (identity) => (identity ? null : c.text('A user name and a password, please.', 401)),
    ({ statusCode, headers, message }) => c.text(message, statusCode, headers),
  );
  // On Node's own response: Hono makes one line of two challenges.
  outgoing.setHeaders(new Map(Object.entries(auth.headers(incoming))));
  return refusal ?? next();
});
app.get('/', (c) => c.text(`Welcome, ${c.env.incoming.kpass?.principal}.`));

const server = serve(
  { fetch: app.fetch, createServer, serverOptions: tls, port: PORT, hostname: ADDRESS },
  () => announce(server),
);
