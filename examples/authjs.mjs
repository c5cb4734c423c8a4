// @ts-check
// Auth.js with a credentials provider, as a route of Next.js (app/api/auth/[...nextauth]/route.js).
// next-auth takes the same provider: NextAuth({ providers: [provider] }).

import { Auth } from '@auth/core';
import Credentials from '@auth/core/providers/credentials';
import { basicAuth } from 'kpass/http';

const { HOST = 'localhost', KEYTAB = null, REALM = 'EXAMPLE.COM', AUTH_SECRET = '' } = process.env;

const throttle = { attempts: 3, window: 30 * 60_000 };
const auth = basicAuth({ service: 'HTTP', host: HOST, keytab: KEYTAB, realm: REALM, throttle });

const provider = Credentials({
  credentials: { user: { label: 'User' }, password: { label: 'Password', type: 'password' } },
  async authorize({ user, password }) {
    const verdict = await auth.verify(user, password);
    return verdict.verified ? { id: verdict.principal, name: verdict.principal } : null;
  },
});

/** @param {Request} request */
export const GET = (request) =>
  Auth(request, {
    providers: [provider],
    secret: AUTH_SECRET,
    trustHost: true,
    basePath: '/api/auth',
  });

export const POST = GET;
