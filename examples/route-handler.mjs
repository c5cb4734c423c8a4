// @ts-check
// A route handler, as Next.js has them (app/welcome/route.js), SvelteKit and others: check() takes the
// Request of the Fetch API.

import { basicAuth, RequestError } from 'kpass/http';

const { HOST = 'localhost', KEYTAB = null, REALM = 'EXAMPLE.COM' } = process.env;

const auth = basicAuth({
  service: 'HTTP',
  host: HOST,
  keytab: KEYTAB,
  realm: REALM,
  // A Request does not show its connection. The proxy that ends TLS sets this header.
  secure: (/** @type {Request} */ request) => request.headers.get('x-forwarded-proto') === 'https',
});

/** @param {Request} request */
export async function GET(request) {
  try {
    const identity = await auth.check(request);
    if (identity) return new Response(`Welcome, ${identity.principal}.`);
    const headers = auth.headers(request);
    return new Response('A user name and a password, please.', { status: 401, headers });
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    return new Response(error.message, { status: error.statusCode, headers: error.headers });
  }
}
