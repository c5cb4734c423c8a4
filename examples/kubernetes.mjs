// @ts-check
// A readiness endpoint, and the order of a shutdown under Kubernetes: SIGTERM comes while requests still
// come.

import { createServer } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { basicAuth } from 'kpass/http';
import { redisStore } from 'kpass/redis';
import { ADDRESS, announce, HOST, KEYTAB, PORT, REALM, tls } from './environment.mjs';

const { REDIS_URL = 'redis://127.0.0.1:6379', SECRET = '', GRACE = '5000' } = process.env;

const redis = new Redis(REDIS_URL);
const auth = basicAuth({
  service: 'HTTP',
  host: HOST,
  keytab: KEYTAB,
  realm: REALM,
  throttle: { attempts: 3, window: 30 * 60_000, store: redisStore(redis), secret: SECRET },
});
let stopping = false;

const server = createServer(tls, async (request, response) => {
  if (request.url === '/ready') {
    const { ready } = stopping ? { ready: false } : await auth.ready();
    response.writeHead(ready ? 200 : 503).end();
    return;
  }
  auth(request, response, () => response.end(`Welcome, ${request.kpass?.principal}.`));
});
server.listen(PORT, ADDRESS, () => announce(server));

process.once('SIGTERM', async () => {
  stopping = true;
  // Until the load balancer knows: its readiness probe's period times its failureThreshold.
  await sleep(Number(GRACE));
  await new Promise((resolve) => server.close(resolve));
  // Pending verifications end, and the store knows their ends. Only then its client may go.
  await auth.close();
  await redis.quit();
  process.exit();
});
