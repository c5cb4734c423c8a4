// tRPC 11: the context has the user. Run it with: node --import tsx trpc.mts

import { subscribe } from 'node:diagnostics_channel';
import { createServer } from 'node:https';
import { initTRPC, TRPCError } from '@trpc/server';
import { type CreateHTTPContextOptions, createHTTPHandler } from '@trpc/server/adapters/standalone';
import { basicAuth, RequestError } from 'kpass/http';
import { ADDRESS, announce, HOST, KEYTAB, PORT, REALM, tls } from './environment.mjs';

// The log gets the whole error. The client learns nothing of it.
subscribe('kpass:error', ({ error }) => console.error(error));

const auth = basicAuth({ service: 'HTTP', host: HOST, keytab: KEYTAB, realm: REALM });

const CODES = {
  403: 'FORBIDDEN',
  500: 'INTERNAL_SERVER_ERROR',
  503: 'SERVICE_UNAVAILABLE',
} as const;

async function createContext({ req }: CreateHTTPContextOptions) {
  try {
    return { user: await auth.check(req) };
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    throw new TRPCError({ code: CODES[error.statusCode], message: error.message });
  }
}

const t = initTRPC.context<typeof createContext>().create();
const forUsers = t.procedure.use(({ ctx, next }) => {
  if (ctx.user === null) throw new TRPCError({ code: 'UNAUTHORIZED' });
  return next({ ctx: { user: ctx.user } });
});

const router = t.router({
  welcome: forUsers.query(({ ctx }) => `Welcome, ${ctx.user.principal}.`),
});

const server = createServer(tls, createHTTPHandler({ router, createContext }));
server.listen(PORT, ADDRESS, () => announce(server));
