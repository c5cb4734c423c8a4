// The throttle's promise: no more wrong passwords of one account reach the KDC than `attempts`,
// whatever comes at once, and however the name is spelt.

import assert from 'node:assert/strict';
import { basicAuth } from 'kpass/http';
import { Realm } from 'kpass/testing';
import { accountName } from '../../lib/http/account-name';
import { Throttle } from '../../lib/http/throttle';
import { SambaDomain } from '../support/samba';
import { optionsFor } from '../support/subject';

const MINUTE = 60_000;
// Fewer under a sanitizer, which would take longer than PATIENCE.
const ROUNDS = process.env.KPASS_SLOW === undefined ? 400 : 80;
const ATTEMPTS = 3;
const PATIENCE = 120_000;

describe('the throttle of kpass/http', function () {
  this.timeout(PATIENCE);

  it(`never lets the KDC count more than ${ATTEMPTS}, in ${ROUNDS} rounds of right and wrong at once`, async () => {
    await using realm = await Realm.start();
    const names = Array.from({ length: 40 }, (_, n) => `user${n}`);
    for (const name of names) await realm.addUser(name, 'right', { lockout: 50 });
    const counts: number[] = [];
    for (let round = 0; round < ROUNDS; round += names.length) {
      const auth = basicAuth({
        ...optionsFor(realm),
        realm: 'x',
        cache: false,
        throttle: { attempts: ATTEMPTS, window: 30 * MINUTE },
      });
      await Promise.all(
        names.flatMap((name, i) =>
          ['right', 'a', 'b', 'c', 'd', 'e', 'f', 'right']
            // Another order in each round.
            .map((password, n) => ({ password, place: (n * 5 + i + round) % 8 }))
            .sort((one, other) => one.place - other.place)
            .map(({ password }) => auth.verify(name, password)),
        ),
      );
      auth.close();
      for (const name of names) {
        counts.push(await realm.failedCount(name));
        await realm.unlock(name);
      }
    }
    assert.equal(counts.length, ROUNDS);
    assert.deepEqual(
      counts.filter((count) => count > ATTEMPTS),
      [],
    );
    assert(counts.some((count) => count > 0));
  });

  it('keeps a refusal that came while the right password was on its way', async () => {
    const throttle = new Throttle({ attempts: 2, window: MINUTE });
    const verified = { verified: true, principal: 'alice@R', realm: 'R' } as const;
    let answer = (_: typeof verified) => {};
    const right = new Promise<typeof verified>((resolve) => {
      answer = resolve;
    });
    const verdict = throttle.verify('alice', 'right', () => right);
    const denied = { verified: false, reason: 'credentials' } as const;
    await throttle.verify('alice', 'one', async () => denied);
    answer(verified);
    await verdict;
    // One is counted; a second may go, and a third may not.
    let asked = 0;
    const ask = async () => {
      asked++;
      return denied;
    };
    await throttle.verify('alice', 'two', ask);
    await throttle.verify('alice', 'three', ask);
    assert.equal(asked, 1);
  });

  const SAME: [one: string, other: string][] = [
    ['ole', 'øle'],
    ['サクラ', 'さくら'],
    ['ｻｸﾗ', 'さくら'],
    ['alice@EXAMPLE.COM', 'alice＠EXAMPLE.COM'],
    ['strasse', 'straße'],
    ['aether', 'æther'],
    ['thor', 'þor'],
    ['lodz', 'łódź'],
    ['ilker', 'ılker'],
    ['alice', 'ＡＬＩＣＥ'],
    ['alice', 'al\u00adice'],
    ['alice', ' alice '],
    ['alice', 'alice\u{1f600}'],
    ['σας', 'ΣΑΣ'],
    ['alice', 'a\u0300lice'],
  ];
  for (const [one, other] of SAME) {
    it(`takes '${one}' and '${other}' for one account`, () => {
      assert.equal(accountName(one), accountName(other));
    });
  }

  it('takes other names for other accounts', () => {
    const names = ['alice', 'alicia', 'alice/admin', 'bob', 'さくら', 'さくち', '密码', '密'];
    assert.equal(new Set(names.map(accountName)).size, names.length);
  });

  it('counts at Samba no more than it says, whatever the spelling', async () => {
    await using domain = await SambaDomain.start({ users: { ole: 'right', zoé: 'right' } });
    const auth = basicAuth({
      ...optionsFor(domain),
      canonicalize: true,
      realm: 'x',
      throttle: { attempts: ATTEMPTS, window: 30 * MINUTE },
    });
    for (const [n, name] of ['ole', 'OLE', 'Ole', 'ole@EXAMPLE.COM', 'oLe', 'olE'].entries()) {
      await auth.verify(name, `guess ${n}`);
    }
    auth.close();
    assert.equal(await domain.failedCount('ole'), ATTEMPTS);
  });

  it('gives its memory back when the window has passed', async () => {
    const throttle = new Throttle({ attempts: 3, window: 3_000 });
    const denied = { verified: false, reason: 'credentials' } as const;
    const heap = () => {
      global.gc?.();
      return process.memoryUsage().heapUsed;
    };
    const before = heap();
    for (let n = 0; n < 200_000; n++) {
      await throttle.verify(`user ${n}`, `digest ${n}`, async () => denied);
    }
    assert(throttle.size > 20_000, `${throttle.size}`);
    await new Promise((resolve) => setTimeout(resolve, 7_000));
    assert.equal(throttle.size, 0);
    assert(heap() - before < 60e6 || global.gc === undefined);
  });
});
