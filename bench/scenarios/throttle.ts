// What the throttle of kpass/http adds to a login: one check (a reservation and its end) with each store,
// the latency of a login with each, and the time until an error while the store is away.

import type { Verdict } from 'kpass';
import { basicAuth, type ThrottleStore } from 'kpass/http';
import { redisStore } from 'kpass/redis';
import { Throttle } from '../../lib/http/throttle';
import { RedisServer } from '../../test/support/redis';
import { CLIENTS } from '../../test/support/redis-clients';
import type { Scenario } from '../bench';
import { PASSWORD, SERVICE, USER } from '../callers';
import { type Figures, figure } from '../figures';

const TERMS = { attempts: 5, window: 1_800_000, secret: 'the key of this benchmark, 32 bytes' };
const RIGHT: Verdict = { verified: true, principal: 'alice@EXAMPLE.COM', realm: 'EXAMPLE.COM' };

export const throttle: Scenario = async function* ({ realm, quick }) {
  const checks = quick ? 300 : 3_000;
  const row = (id: string, what: string, unit: 'µs' | 'ms', figures: Figures) => ({
    id: `throttle-${id}`,
    what,
    unit,
    figures,
  });
  yield row('memory', 'a check of the throttle, in memory', 'µs', {
    kpass: figure(await checksOf(undefined, checks)),
  });

  const server = await RedisServer.start().catch((error: Error) => error.message);
  if (typeof server === 'string') {
    yield row('redis', 'a check of the throttle, in Redis', 'µs', { kpass: server });
    return;
  }
  for (const [name, connect] of Object.entries(CLIENTS)) {
    if (name === 'a function') continue;
    const { client, close } = await connect(server.port);
    const what = `a check of the throttle, in Redis through ${name}`;
    const figures = { kpass: figure(await checksOf(redisStore(client), checks)) };
    yield row(name, what, 'µs', figures);
    await close();
  }

  const connected = await CLIENTS.ioredis?.(server.port);
  if (connected === undefined) return;
  const store = redisStore(connected.client);
  for (const [name, options] of [
    ['no throttle', false],
    ['a throttle in memory', { attempts: 5, window: TERMS.window }],
    ['a throttle in Redis', { ...TERMS, store }],
  ] as const) {
    const auth = basicAuth({
      service: 'HTTP',
      host: 'localhost',
      keytab: realm.keytab(SERVICE),
      config: realm.config,
      realm: 'x',
      cache: false,
      throttle: options,
    });
    const login = () => auth.verify(USER, PASSWORD);
    await timesOf(20, login);
    const figures = { kpass: figure(await timesOf(quick ? 50 : 300, login)) };
    yield row(name.replaceAll(' ', '-'), `latency of a login, with ${name}`, 'ms', figures);
    await auth.close();
  }

  await server.pause();
  const away = new Throttle({ ...TERMS, store });
  const refused = () => away.verify('away', 'x', async () => RIGHT).catch(() => {});
  const figures = { kpass: figure(await timesOf(3, refused)) };
  yield row('away', 'an error while Redis is silent', 'ms', figures);
  await server.resume();
  await connected.close();
  await server.stop();
};

/** µs for each check. */
async function checksOf(store: ThrottleStore | undefined, count: number): Promise<number[]> {
  const subject = new Throttle({ ...TERMS, store });
  let n = 0;
  const check = () => subject.verify(`user ${n % 100}`, `password ${n++}`, async () => RIGHT);
  await timesOf(200, check);
  const times = await timesOf(count, check);
  await subject.close();
  return times.map((ms) => ms * 1_000);
}

/** ms for each run, one after the other. */
async function timesOf(count: number, run: () => Promise<unknown>): Promise<number[]> {
  const times: number[] = [];
  for (let n = 0; n < count; n++) {
    const begun = performance.now();
    await run();
    times.push(performance.now() - begun);
  }
  return times;
}
