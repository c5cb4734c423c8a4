// What the throttle of kpass/http asks of a store: one table, for each store.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { PGlite } from '@electric-sql/pglite';
import { KpassError, type Verdict } from 'kpass';
import type { Attempt, ThrottleStore } from 'kpass/http';
import { redisStore } from 'kpass/redis';
import { markCounted } from '../../lib/counted';
import { MemoryStore } from '../../lib/http/memory-store';
import { Throttle } from '../../lib/http/throttle';
import { RedisServer } from '../support/redis';
import { CLIENTS, type Connected, connectIoredis } from '../support/redis-clients';

const MINUTE = 60_000;
/** ms. Postgres in WebAssembly takes its time to start. */
const PATIENCE = 120_000;
const terms = { attempts: 3, window: 30 * MINUTE, lease: MINUTE };
const secret = 's'.repeat(32);
const wrong: Verdict = { verified: false, reason: 'credentials' };
const right: Verdict = { verified: true, principal: 'alice@R', realm: 'R' };

interface Subject {
  /** Two processes' views of the store. */
  stores: [ThrottleStore, ThrottleStore];
  end(): Promise<void>;
}

async function redisSubject(
  one: (port: number) => Promise<Connected>,
  another = one,
): Promise<Subject> {
  const server = await RedisServer.start();
  const [first, second] = await Promise.all([one(server.port), another(server.port)]);
  return {
    stores: [redisStore(first.client), redisStore(second.client)],
    end: async () => {
      await first.close();
      await second.close();
      await server.stop();
    },
  };
}

const SUBJECTS: Record<string, () => Promise<Subject>> = {
  'this process': async () => {
    const store = new MemoryStore();
    return { stores: [store, store], end: async () => {} };
  },
  // It answers slowly, and not in order.
  'a slow store of the caller’s own': async () => {
    const memory = new MemoryStore();
    const slowly = async <T>(run: () => T): Promise<T> => {
      await sleep(Math.random() * 20);
      const value = run();
      await sleep(Math.random() * 20);
      return value;
    };
    const store: ThrottleStore = {
      reserve: (...args) => slowly(() => memory.reserve(...args)),
      settle: (...args) => slowly(() => memory.settle(...args)),
      forget: (...args) => slowly(() => memory.forget(...args)),
    };
    return { stores: [store, store], end: async () => {} };
  },
};
SUBJECTS['Postgres, by the example’s SQL'] = async () => {
  const examples = join(__dirname, '../../examples');
  const { postgresStore } = await import(join(examples, 'throttle-postgres.mjs'));
  const database = await PGlite.create();
  await database.exec(await readFile(join(examples, 'throttle-postgres.sql'), 'utf8'));
  const store: ThrottleStore = postgresStore(database);
  return { stores: [store, store], end: () => database.close() };
};
for (const [name, connect] of Object.entries(CLIENTS)) {
  SUBJECTS[`Redis, through ${name}`] = () => redisSubject(connect, connectIoredis);
}

for (const [where, start] of Object.entries(SUBJECTS)) {
  describe(`the throttle’s attempts in ${where}`, function () {
    this.timeout(PATIENCE);

    let subject: Subject;
    let a: ThrottleStore;
    let b: ThrottleStore;
    before(async () => {
      subject = await start();
      [a, b] = subject.stores;
    });
    after(() => subject?.end());

    let names = 0;
    let account = '';
    beforeEach(() => {
      account = `account${++names}`;
    });

    let ids = 0;
    const attempt = (digest: string, name = 'alice'): Attempt => ({
      id: `id${++ids}`,
      digest,
      name,
    });

    /** Reserves and settles. */
    async function refuse(digest: string, name = 'alice'): Promise<string> {
      const each = attempt(digest, name);
      const answer = await a.reserve(account, each, terms);
      if (answer === 'granted') await a.settle(account, each, 'wrong', terms);
      return answer;
    }

    it('count from their reservation on', async () => {
      const answers: string[] = [];
      for (const digest of ['1', '2', '3', '4']) {
        answers.push(await (ids % 2 ? a : b).reserve(account, attempt(digest), terms));
      }
      assert.deepEqual(answers, ['granted', 'granted', 'granted', 'wait']);
    });

    it('are refused once so many were wrong', async () => {
      const answers: string[] = [];
      for (const digest of ['1', '2', '3', '4']) answers.push(await refuse(digest));
      assert.deepEqual(answers, ['granted', 'granted', 'granted', 'refused']);
      assert.equal(await b.reserve(account, attempt('5'), terms), 'refused');
    });

    it('are refused if the same was wrong', async () => {
      assert.equal(await refuse('1'), 'granted');
      assert.equal(await b.reserve(account, attempt('1'), terms), 'refused');
      assert.equal(await b.reserve(account, attempt('2'), terms), 'granted');
    });

    it('wait for the same one', async () => {
      const first = attempt('1');
      assert.equal(await a.reserve(account, first, terms), 'granted');
      assert.equal(await b.reserve(account, attempt('1'), terms), 'wait');
      await a.settle(account, first, 'none', terms);
      assert.equal(await b.reserve(account, attempt('1'), terms), 'granted');
    });

    it('are granted again if the answer was lost', async () => {
      const first = attempt('1');
      for (let n = 0; n < 5; n++) assert.equal(await a.reserve(account, first, terms), 'granted');
      assert.equal(await b.reserve(account, attempt('2'), terms), 'granted');
    });

    it('count no more if no KDC has counted them', async () => {
      for (let n = 0; n < 5; n++) {
        const each = attempt(`${n}`);
        assert.equal(await a.reserve(account, each, terms), 'granted');
        await a.settle(account, each, 'none', terms);
      }
    });

    it('are forgotten after a right one, if they were wrong before it', async () => {
      await refuse('1');
      const before = attempt('right');
      assert.equal(await a.reserve(account, before, terms), 'granted');
      await refuse('2');
      await a.settle(account, before, 'right', terms);
      // The second one counts: the KDC may have counted it after the right one.
      const answers = [await refuse('3'), await refuse('4'), await refuse('5')];
      assert.deepEqual(answers, ['granted', 'granted', 'refused']);
    });

    it('stay after a right one of another spelling', async () => {
      await refuse('1');
      await refuse('2');
      const other = attempt('right', 'ALICE');
      assert.equal(await a.reserve(account, other, terms), 'granted');
      await a.settle(account, other, 'right', terms);
      assert.deepEqual([await refuse('3'), await refuse('4')], ['granted', 'refused']);
    });

    it('stay while they are pending, whatever the others are', async () => {
      const pending = attempt('1');
      assert.equal(await a.reserve(account, pending, terms), 'granted');
      const good = attempt('right');
      assert.equal(await b.reserve(account, good, terms), 'granted');
      await b.settle(account, good, 'right', terms);
      const answers = [await refuse('3'), await refuse('4'), await refuse('5')];
      assert.deepEqual(answers, ['granted', 'granted', 'wait']);
    });

    it('count when their lease is over, and may be tried again', async () => {
      const short = { ...terms, lease: 300 };
      assert.equal(await a.reserve(account, attempt('1'), short), 'granted');
      assert.equal(await b.reserve(account, attempt('1'), short), 'wait');
      await sleep(400);
      assert.equal(await b.reserve(account, attempt('1'), short), 'granted');
      await sleep(400);
      assert.equal(await b.reserve(account, attempt('1'), short), 'granted');
      await sleep(400);
      assert.equal(await b.reserve(account, attempt('1'), short), 'refused');
      assert.equal(await b.reserve(account, attempt('2'), short), 'refused');
    });

    it('are forgotten after a right one, if their lease was over before it', async () => {
      const short = { ...terms, lease: 300 };
      assert.equal(await a.reserve(account, attempt('1'), short), 'granted');
      assert.equal(await a.reserve(account, attempt('2'), short), 'granted');
      await sleep(400);
      const good = attempt('right');
      assert.equal(await b.reserve(account, good, terms), 'granted');
      await b.settle(account, good, 'right', terms);
      const answers = [await refuse('3'), await refuse('4'), await refuse('5'), await refuse('6')];
      assert.deepEqual(answers, ['granted', 'granted', 'granted', 'refused']);
    });

    it('count again if the store has lost them, and they were wrong', async () => {
      await a.settle(account, attempt('1'), 'wrong', terms);
      await a.settle(account, attempt('2'), 'wrong', terms);
      await a.settle(account, attempt('3'), 'right', terms);
      assert.equal(await a.reserve(account, attempt('1'), terms), 'refused');
      assert.deepEqual([await refuse('4'), await refuse('5')], ['granted', 'refused']);
    });

    it('are all forgotten `window` after the last one', async () => {
      const short = { ...terms, window: 400, attempts: 2 };
      const count = async (digest: string) => {
        const each = attempt(digest);
        const answer = await a.reserve(account, each, short);
        if (answer === 'granted') await a.settle(account, each, 'wrong', short);
        return answer;
      };
      assert.equal(await count('1'), 'granted');
      await sleep(250);
      assert.equal(await count('2'), 'granted');
      await sleep(250);
      assert.equal(await count('3'), 'refused');
      await sleep(250);
      assert.equal(await count('3'), 'granted');
    });

    it('are forgotten at once if the operator says so', async () => {
      for (const digest of ['1', '2', '3']) await refuse(digest);
      await b.forget(account);
      assert.equal(await refuse('1'), 'granted');
    });

    // The policy, over two processes that share the store.
    describe('by two processes', () => {
      let throttles: [Throttle, Throttle];
      let user = '';
      beforeEach(() => {
        user = `user of ${account}`;
        const options = { attempts: 3, window: 30 * MINUTE, secret };
        throttles = [
          new Throttle({ ...options, store: a }, 2_000),
          new Throttle({ ...options, store: b }, 2_000),
        ];
      });
      afterEach(() => Promise.all(throttles.map((throttle) => throttle.close())));

      it('never reach the KDC more often than `attempts`, if all come at once', async () => {
        let asked = 0;
        const ask = async () => {
          asked++;
          await sleep(Math.random() * 30);
          return wrong;
        };
        await Promise.all(
          Array.from({ length: 60 }, (_, n) =>
            throttles[n % 2]?.verify(user, `password ${n}`, ask),
          ),
        );
        assert.equal(asked, 3);
      });

      it('let a right password in that waited for the others', async () => {
        const verdicts = Array.from({ length: 3 }, (_, n) =>
          throttles[0].verify(user, `guess ${n}`, async () => {
            await sleep(200);
            if (n === 0) throw new KpassError('ERR_KPASS_KDC', 'no KDC', { step: 'x' });
            return wrong;
          }),
        );
        await sleep(60);
        const late = throttles[1].verify(user, 'right', async () => right);
        const ends = await Promise.allSettled(verdicts);
        assert.deepEqual(
          ends.map(({ status }) => status),
          ['rejected', 'fulfilled', 'fulfilled'],
        );
        assert.deepEqual(await late, right);
      });

      it('give up after `timeout`, if the others have no end', async () => {
        for (let n = 0; n < 3; n++) {
          const counted = markCounted(new KpassError('ERR_KPASS_TIMEOUT', 'late', { step: 'x' }));
          await assert.rejects(throttles[0].verify(user, `${n}`, () => Promise.reject(counted)));
        }
        // Their leases end later than this one's timeout.
        const begun = Date.now();
        await assert.rejects(
          throttles[1].verify(user, 'right', async () => right),
          {
            code: 'ERR_KPASS_BUSY',
            temporary: true,
          },
        );
        assert(Date.now() - begun < 2_500, `${Date.now() - begun} ms`);
        assert.equal(throttles[1].stats.waiting, 0);
      });

      it('are not counted if the proof did not leave', async () => {
        for (let n = 0; n < 9; n++) {
          const error = new KpassError('ERR_KPASS_KDC', 'no KDC', { step: 'x' });
          const verdict = throttles[n % 2]?.verify(user, `${n}`, () => Promise.reject(error));
          await assert.rejects(verdict as Promise<unknown>, error);
        }
        assert.deepEqual(await throttles[0].verify(user, 'right', async () => right), right);
      });

      it('are forgiven by either', async () => {
        for (let n = 0; n < 3; n++) await throttles[0].verify(user, `${n}`, async () => wrong);
        assert.deepEqual(await throttles[1].verify(user, 'right', async () => right), wrong);
        await throttles[1].forgive(user);
        assert.deepEqual(await throttles[0].verify(user, 'right', async () => right), right);
      });

      it('are settled before the throttle is closed', async () => {
        let asked = 0;
        const verdict = throttles[0].verify(user, 'a', async () => {
          asked++;
          await sleep(100);
          return wrong;
        });
        await throttles[0].close();
        assert.equal(asked, 1);
        assert.deepEqual(await verdict, wrong);
        assert.deepEqual(await throttles[1].verify(user, 'a', () => assert.fail('asked')), wrong);
      });
    });
  });
}
