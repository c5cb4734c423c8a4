// The HMACs of kpass/http are those of RFC 2104, as Node makes them.

import { equal, throws } from 'node:assert/strict';
import { createHmac, randomBytes } from 'node:crypto';
import { Hmac } from '../../lib/http/hmac';

const LONGEST = 300;

describe('an HMAC', () => {
  for (const keyLength of [1, 32, 64]) {
    it(`is that of createHmac(), with a key of ${keyLength} bytes`, () => {
      const key = randomBytes(keyLength);
      const hmac = new Hmac(key, LONGEST);
      for (const text of ['', 'a\0', 'zoë 🔑\0', 'x'.repeat(200)]) {
        for (const length of [0, 1, 55, 56, 64, 100]) {
          const secret = randomBytes(length);
          const expected = createHmac('sha256', key).update(text).update(secret).digest('binary');
          equal(hmac.of(text, secret), expected, `${text} and ${length} bytes`);
        }
      }
    });
  }

  it('is not made of a part of a message', () => {
    const hmac = new Hmac(randomBytes(32), LONGEST);
    hmac.of('é'.repeat(100), new Uint8Array(100));
    throws(() => hmac.of('é'.repeat(100), new Uint8Array(101)), RangeError);
    throws(() => hmac.of('é'.repeat(151), new Uint8Array()), RangeError);
  });
});
