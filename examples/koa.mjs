// @ts-check
// Koa 3: check() in a middleware. If check() throws an error, Koa itself gives the right answer.

import { subscribe } from 'node:diagnostics_channel';
import { createServer } from 'node:https';
import Koa from 'koa';
import { kerberosAuth } from 'kpass/http';
import { ADDRESS, announce, HOST, KEYTAB, PORT, REALM, tls } from './environment.mjs';

// The log gets the whole error. The browser learns nothing of it.
subscribe('kpass:error', ({ error }) => console.error(error));

const auth = kerberosAuth({ service: 'HTTP', host: HOST, keytab: KEYTAB, realm: REALM });
const app = new Koa();

app.use(async (ctx, next) => {
  const identity = await auth.check(ctx.req);
  ctx.set(auth.headers(ctx.req));
  if (identity) return next();
  ctx.status = 401;
  ctx.body = 'A user name and a password, please.';
});
app.use((ctx) => {
  ctx.body = `Welcome, ${ctx.req.kpass?.principal}.`;
});

const server = createServer(tls, app.callback());
server.listen(PORT, ADDRESS, () => announce(server));
