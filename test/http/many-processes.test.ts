// Many processes behave as one: whatever dies, the KDC never counts more than `attempts`.
// scripts/soak-throttle runs the same for longer, with more of everything.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { Realm } from 'kpass/testing';
import { type Storm, weather } from '../support/many-processes';
import { RedisServer } from '../support/redis';
import { SERVICE } from '../support/subject';

const PATIENCE = 120_000;

const storm: Storm = {
  attempts: 3,
  processes: 4,
  lanes: 8,
  right: 0.02,
  kills: 6,
  storeKills: 1,
};

/** What would be wrong with the script, and must not pass this test. */
const BREAKAGES: Record<string, Partial<Storm> & Required<Pick<Storm, 'breakage'>>> = {
  'an attempt whose lease is over counts no more': {
    breakage: [
      'count = count + 1',
      "if state == 'w' or tonumber(at) > now then count = count + 1 end",
    ],
    right: 0,
  },
  'a right password forgets all wrong ones': {
    breakage: ['before = each.order < mine.order', 'before = true'],
    right: 0.5,
    slow: 'right',
    kills: 0,
  },
  'a right password forgets pending ones': {
    breakage: ['before = each.at < mine.began', 'before = true'],
    right: 0.5,
    slow: 'wrong',
    kills: 0,
  },
  'a reservation is no count': {
    breakage: ['count = count + 1', "if state == 'w' then count = count + 1 end"],
  },
  'a reservation has no lease': {
    breakage: ["put('p', now, now + lease)", "put('p', now, now)"],
    right: 0,
  },
};

describe('many processes with one store', function () {
  this.timeout(PATIENCE);

  for (const [attempts, right] of [
    [1, 0],
    [3, 0.02],
    [10, 0.3],
  ] as const) {
    it(`let the KDC count ${attempts} at most, with ${right * 100} % right passwords`, async () => {
      const { highest, reached, killed } = await weather({ ...storm, attempts, right });
      assert(highest <= attempts, `${highest}`);
      // It was put to the test.
      assert(reached >= 2 * attempts, `${reached}`);
      assert.equal(killed, storm.kills);
    });
  }

  for (const [what, more] of Object.entries(BREAKAGES)) {
    it(`would let the KDC count more if ${what}`, async () => {
      const { highest } = await weather({
        ...storm,
        kills: 100,
        ...more,
        storeKills: 0,
        seconds: 60,
      });
      assert(highest > storm.attempts, `${highest}`);
    });
  }

  it('let a real KDC count `attempts` of 8 × 50 wrong passwords', async () => {
    await using realm = await Realm.start();
    await realm.addUser('alice', 'wonderland', { lockout: 40 });
    await using server = await RedisServer.start();
    const program = `
      const { Redis } = require('ioredis');
      const { basicAuth } = require('kpass/http');
      const { redisStore } = require('kpass/redis');
      const client = new Redis(${server.port});
      const auth = basicAuth({
        service: 'HTTP',
        host: 'localhost',
        keytab: process.env.KEYTAB,
        config: process.env.CONFIG,
        realm: 'x',
        throttle: {
          attempts: 3,
          window: 1_800_000,
          store: redisStore(client),
          secret: 'one secret of all processes, 32 bytes',
        },
      });
      const guess = (_, n) => auth.verify('alice', process.pid + ' ' + n);
      client.ping().then(async () => {
        const verdicts = await Promise.all(Array.from({ length: 50 }, guess));
        console.log(verdicts.filter(({ reason }) => reason === 'credentials').length);
        await auth.close();
        client.disconnect();
      });`;
    const env = { ...process.env, CONFIG: realm.config, KEYTAB: realm.keytab(SERVICE) };
    const ends = Array.from({ length: 8 }, async () => {
      const child = spawn(process.execPath, ['-e', program], {
        env,
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
      return `${output.trim()} ${code}`;
    });
    assert.deepEqual(await Promise.all(ends), Array(8).fill('50 0'));
    assert.equal(await realm.failedCount('alice'), 3);
  });
});
