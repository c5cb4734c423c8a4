// @ts-check
// Koa 3: check() in a middleware.

import { createServer } from 'node:https';
import Koa from 'koa';
import { KpassError } from 'kpass';
import { basicAuth } from 'kpass/http';
import { ADDRESS, announce, HOST, KEYTAB, PORT, REALM, tls } from './environment.mjs';

const CHALLENGE = `Basic realm="${REALM}", charset="UTF-8"`;
const TRY_LATER = ['ERR_KPASS_KDC', 'ERR_KPASS_TIMEOUT', 'ERR_KPASS_BUSY'];

const auth = basicAuth({ service: 'HTTP', host: HOST, keytab: KEYTAB, realm: REALM });
const app = new Koa();

// Koa sends the message of an error only where it is `expose`d: that is below 500.
app.on('error', (error) => error.expose || console.error(error));

app.use(async (ctx, next) => {
  const identity = await auth.check(ctx.req).catch((error) => {
    const later = error instanceof KpassError && TRY_LATER.includes(error.code);
    return ctx.throw(later ? 503 : 500, error);
  });
  if (!identity) {
    ctx.throw(401, 'A user name and a password, please.', {
      headers: { 'WWW-Authenticate': CHALLENGE },
    });
  }
  await next();
});
app.use((ctx) => {
  ctx.body = `Welcome, ${ctx.req.kpass?.principal}.`;
});

const server = createServer(tls, app.callback());
server.listen(PORT, ADDRESS, () => announce(server));
