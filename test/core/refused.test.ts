// Input that can never be right is denied before any packet leaves. support/bad-input.ts has the
// table.

import assert from 'node:assert/strict';
import { Realm } from 'kpass/testing';
import { BAD_INPUTS } from '../support/bad-input';
import { FaultProxy } from '../support/fault-proxy';
import { kpassIn, verifierFor } from '../support/subject';

describe('bad input', () => {
  let realm: Realm;
  let proxy: FaultProxy;
  before(async () => {
    realm = await Realm.start({ users: { alice: 'wonderland', 'alice/admin': 'looking glass' } });
    proxy = await FaultProxy.start(realm);
  });
  after(async () => {
    await proxy?.stop();
    await realm?.stop();
  });

  it('has at least 60 kinds', () => {
    assert(BAD_INPUTS.length >= 60, `${BAD_INPUTS.length}`);
  });

  it('would reach the proxy if it were good, so the zeros below prove something', async () => {
    // Without armor, whose own login would be more packets.
    const more = { service: 'HTTP', config: proxy.config, fast: 'never' } as const;
    assert.equal(await kpassIn(realm, 'alice', 'wonderland', more), true);
    assert.equal(proxy.log.length, 2);
  });

  for (const [what, user, password] of BAD_INPUTS) {
    it(`is false, and sends no packet, for ${what}`, async () => {
      proxy.reset();
      const { config } = proxy;
      assert.equal(await kpassIn(realm, user, password, { service: 'HTTP', config }), false);
      assert.deepEqual(await verifierFor(realm, { config }).verify(user, password), {
        verified: false,
        reason: 'credentials',
      });
      assert.equal(proxy.log.length, 0);
    });
  }

  const longest = [
    ['a password of 1,024 bytes', 'alice', 'x'.repeat(1024)],
    ['a password of 512 characters, 1,024 bytes', 'alice', 'ä'.repeat(512)],
    ['a name of 256 bytes', `${'a'.repeat(244)}@EXAMPLE.COM`, 'x'],
    ['a password of one space', 'alice', ' '],
    ['a password with a line feed', 'alice', 'wonder\nland'],
    ['a name with an empty instance', 'alice/', 'x'],
    ['a name of symbols', '!#$%&*+-={}[]|;:\'"<>,.?~`', 'x'],
    ['a bidirectional override in a name', 'ali\u202ece', 'x'],
    ['the name of the ticket-granting service', 'krbtgt/EXAMPLE.COM', 'x'],
  ] as const;
  for (const [what, user, password] of longest) {
    it(`is false, and is sent to the KDC, for ${what}`, async () => {
      proxy.reset();
      const { config } = proxy;
      assert.equal(await kpassIn(realm, user, password, { service: 'HTTP', config }), false);
      assert(proxy.log.length > 0);
    });
  }
});
