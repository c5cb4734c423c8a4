// A web server that http.ts runs as a process of its own. It has routes without kpass, with kpass, and
// with kpass but no cache. Its arguments are krb5.conf and the keytab. It sends its port, and replies
// to each message with its CPU time so far, in µs.

import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basicAuth } from 'kpass/http';

const [config = '', keytab = ''] = process.argv.slice(2);
const options = { service: 'HTTP', host: 'localhost', realm: 'bench', config, keytab };
const behindProxy = { ...options, secure: () => true };
const remembers = basicAuth(behindProxy);
const forgets = basicAuth({ ...behindProxy, cache: false });

const page: RequestListener = (_request, response) => response.end('page\n');
const routes: Record<string, RequestListener> = {
  '/without': page,
  '/repeated': (request, response) => remembers(request, response, () => page(request, response)),
  '/fresh': (request, response) => forgets(request, response, () => page(request, response)),
};

const server = createServer((request, response) => routes[request.url ?? '']?.(request, response));
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
process.on('message', () => {
  const { user, system } = process.cpuUsage();
  process.send?.(user + system);
});
