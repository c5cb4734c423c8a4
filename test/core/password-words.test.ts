// The results of RFC 3244, and the words with them, from a server that has the realm's own key.

import assert from 'node:assert/strict';
import { Realm } from 'kpass/testing';
import { randomKey } from '../../lib/testing/encryption';
import { type Deceit, passwordServer } from '../support/password-server';
import { failureOf, verifierFor } from '../support/subject';

const OLD = 'wonderland';
const NEW = 'the new pässwörd ☃';

describe('the answer of a password server', () => {
  let realm: Realm;
  before(async () => {
    realm = await Realm.start({ passwords: true, users: { alice: OLD } });
  });
  after(() => realm?.stop());

  const bytes = (code: number, text: string | Buffer = '') =>
    Buffer.concat([Buffer.from([code >> 8, code & 0xff]), Buffer.from(text)]);

  /** As Active Directory sends it: numbers in place of words. */
  function policyOfActiveDirectory(length: number, history: number, flags: number, days: number) {
    const policy = Buffer.alloc(30);
    policy.writeUInt32BE(length, 2);
    policy.writeUInt32BE(history, 6);
    policy.writeUInt32BE(flags, 10);
    policy.writeBigUInt64BE(0n, 14);
    policy.writeBigUInt64BE(BigInt(days) * 86_400n * 10_000_000n, 22);
    return policy;
  }

  async function changeWith(result: Buffer, deceit?: Deceit) {
    await using server = await passwordServer(realm, result, deceit);
    const verifier = verifierFor(realm, { config: server.config });
    const change = verifier.changePassword('alice', OLD, NEW);
    await change.catch(() => {});
    assert.deepEqual(server.passwords, [NEW]);
    return await change;
  }

  const SOFT = 4;
  const refusals: [what: string, result: Buffer, reason: string, message: string | undefined][] = [
    ['one line', bytes(SOFT, 'Too short.'), 'rejected', 'Too short.'],
    ['several lines', bytes(SOFT, '\n Too\r\n\tshort. \n'), 'rejected', 'Too short.'],
    ['a separator of lines', bytes(SOFT, 'Too\u2028short.'), 'rejected', 'Too short.'],
    ['control characters', bytes(SOFT, 'Too\x1b[2Jshort\x07'), 'rejected', 'Too?[2Jshort?'],
    [
      'other scripts',
      bytes(SOFT, 'Пароль слишком короткий ☃'),
      'rejected',
      'Пароль слишком короткий ☃',
    ],
    ['markup, which is not its business', bytes(SOFT, '<b>&'), 'rejected', '<b>&'],
    [
      'a policy of Active Directory',
      bytes(SOFT, policyOfActiveDirectory(12, 5, 1, 2)),
      'rejected',
      "The password must include numbers or symbols. Don't include any part of your name in the " +
        'password. The password must contain at least 12 characters. The password must be different ' +
        'from the previous 5 passwords. The password can only be changed every 2 days.',
    ],
    [
      'bytes that are no text',
      bytes(SOFT, Buffer.from([0xff, 0xfe, 0x80])),
      'rejected',
      'Try a more complex password, or contact your administrator.',
    ],
    ['no permission', bytes(5, 'Not you.'), 'policy', 'Not you.'],
  ];
  for (const [what, result, reason, message] of refusals) {
    it(`gives a reason and one printable line, with ${what}`, async () => {
      assert.deepEqual(await changeWith(result), { changed: false, reason, message });
    });
  }

  for (const code of [1, 2, 3, 6, 7, 8, 0x100, 0xffff]) {
    it(`is ERR_KPASS_KDC for the code ${code}, with its words`, async () => {
      const error = await failureOf(changeWith(bytes(code, 'out of\norder')));
      assert.equal(error.code, 'ERR_KPASS_KDC');
      assert.equal(error.step, 'kpasswd_result');
      assert.match(error.message, /password server of realm EXAMPLE\.COM .*out of order/);
    });
  }

  it('is not enough for a success: the KDC must know the new password', async () => {
    const error = await failureOf(changeWith(bytes(0)));
    assert.equal(error.code, 'ERR_KPASS_UNVERIFIED');
    assert.match(
      error.message,
      /says that the password has changed, but the KDC .* refuses a login/,
    );
  });

  it('may have a subkey of its own, which is not used', async () => {
    const change = await changeWith(bytes(SOFT, 'No.'), { subkey: randomKey(18) });
    assert.deepEqual(change, { changed: false, reason: 'rejected', message: 'No.' });
  });

  const deceits: Record<string, Deceit> = {
    'another sequence number': { sequenceNumber: 4712 },
    "the session key in place of the request's subkey": { sessionKey: true },
    "another authenticator's time": { time: true },
  };
  for (const [what, deceit] of Object.entries(deceits)) {
    for (const code of [0, SOFT]) {
      it(`is not believed with ${what}, code ${code}`, async () => {
        const error = await failureOf(changeWith(bytes(code, 'No.'), deceit));
        assert.deepEqual([error.code, error.step], ['ERR_KPASS_TIMEOUT', 'kpasswd']);
        assert.doesNotMatch(error.message, /No\./);
      });
    }
  }

  it('is believed as it is or not at all, whichever bit is changed on the way', async function () {
    this.timeout(120_000);
    let at = 0;
    let size = 1;
    const change = (reply: Buffer) => {
      size = reply.length;
      reply.writeUInt8(reply.readUInt8(at) ^ (1 << (at % 8)), at);
      return reply;
    };
    await using server = await passwordServer(realm, bytes(SOFT, 'No.'), { change });
    const verifier = verifierFor(realm, { config: server.config });
    const ends = new Map<string, number>();
    for (; at < size; at++) {
      const end = await verifier.changePassword('alice', OLD, NEW).then(
        (result) => JSON.stringify(result),
        ({ code, step }) => `${code} ${step}`,
      );
      ends.set(end, (ends.get(end) ?? 0) + 1);
    }
    const lost = ends.get('ERR_KPASS_TIMEOUT kpasswd') ?? 0;
    ends.delete('ERR_KPASS_TIMEOUT kpasswd');
    ends.delete('{"changed":false,"reason":"rejected","message":"No."}');
    assert.deepEqual([...ends], []);
    assert(lost > 150, `${lost} of ${size}`);
  });

  for (const result of [Buffer.alloc(0), Buffer.from([0])]) {
    it(`is not believed with ${result.length} bytes of a result`, async () => {
      const error = await failureOf(changeWith(result));
      assert.deepEqual([error.code, error.step], ['ERR_KPASS_TIMEOUT', 'kpasswd']);
    });
  }
});
