// The options of kpass/http: a wrong one throws a TypeError with Node's own codes.

import assert from 'node:assert/strict';
import { basicAuth } from 'kpass/http';
import { redisStore } from 'kpass/redis';
import { SERVICE } from '../support/subject';

const TYPE = { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' };
const VALUE = { name: 'TypeError', code: 'ERR_INVALID_ARG_VALUE' };

describe('kpass/http', () => {
  describe('options', () => {
    const good = { service: 'HTTP', host: 'localhost', keytab: SERVICE, realm: 'x' };
    const terms = { attempts: 3, window: 1 };
    const store = { reserve: () => 'granted', settle() {}, forget() {} };
    const secret = 's'.repeat(32);
    const mistakes: [string, unknown, typeof TYPE][] = [
      ['none', undefined, TYPE],
      ['null', null, TYPE],
      ['no realm', { service: 'HTTP' }, TYPE],
      ['no service', { realm: 'x' }, TYPE],
      ['a number for the realm', { ...good, realm: 5 }, TYPE],
      ['an empty realm', { ...good, realm: '' }, VALUE],
      ['a line break in the realm', { ...good, realm: 'a\r\nSet-Cookie: b=c' }, VALUE],
      ['a tab in the realm', { ...good, realm: 'a\tb' }, VALUE],
      ['DEL in the realm', { ...good, realm: 'a\x7f' }, VALUE],
      ['NUL in the realm', { ...good, realm: 'a\0' }, VALUE],
      ['Latin-1 in the realm', { ...good, realm: 'Müller' }, VALUE],
      ['more than Latin-1 in the realm', { ...good, realm: '密码' }, VALUE],
      ['true for the cache', { ...good, cache: true }, TYPE],
      ['null for the cache', { ...good, cache: null }, TYPE],
      ['an array for the cache', { ...good, cache: [] }, TYPE],
      ['a string for cache.ttl', { ...good, cache: { ttl: '1' } }, TYPE],
      ['a negative cache.ttl', { ...good, cache: { ttl: -1 } }, VALUE],
      ['an endless cache.ttl', { ...good, cache: { ttl: Infinity } }, VALUE],
      ['NaN for cache.denyTtl', { ...good, cache: { denyTtl: Number.NaN } }, VALUE],
      ['a cache.max of 0', { ...good, cache: { max: 0 } }, VALUE],
      ['an endless cache.max', { ...good, cache: { max: Infinity } }, VALUE],
      ['true for the throttle', { ...good, throttle: true }, TYPE],
      ['a misspelt option', { ...good, thrott1e: { attempts: 3, window: 1 } }, VALUE],
      [
        'a misspelt option of the throttle',
        { ...good, throttle: { attempts: 3, windows: 1 } },
        VALUE,
      ],
      ['a misspelt option of the cache', { ...good, cache: { TTL: 1 } }, VALUE],
      ['a boolean for `challenge`', { ...good, challenge: false }, TYPE],
      ['an empty throttle', { ...good, throttle: {} }, TYPE],
      ['no throttle.window', { ...good, throttle: { attempts: 3 } }, TYPE],
      ['no attempts', { ...good, throttle: { attempts: 0, window: 1 } }, VALUE],
      ['half an attempt', { ...good, throttle: { attempts: 0.5, window: 1 } }, VALUE],
      ['a throttle.window of 0', { ...good, throttle: { attempts: 3, window: 0 } }, VALUE],
      ['a store without a secret', { ...good, throttle: { ...terms, store } }, VALUE],
      ['a short secret', { ...good, throttle: { ...terms, secret: 's'.repeat(31) } }, VALUE],
      ['a number for the secret', { ...good, throttle: { ...terms, secret: 7 } }, TYPE],
      ['no store', { ...good, throttle: { ...terms, secret, store: null } }, TYPE],
      ['half a store', { ...good, throttle: { ...terms, secret, store: { reserve() {} } } }, TYPE],
      ['another fallback', { ...good, throttle: { ...terms, fallback: 'open' } }, VALUE],
      [
        'too many attempts for a store',
        { ...good, throttle: { ...terms, attempts: 101, store, secret } },
        VALUE,
      ],
      ['a boolean for `secure`', { ...good, secure: true }, TYPE],
      ['null for `secure`', { ...good, secure: null }, TYPE],
      ['a wrong option of a Verifier', { ...good, timeout: -1 }, VALUE],
    ];
    for (const [what, options, error] of mistakes) {
      it(`${error.code} for ${what}`, () => {
        assert.throws(() => basicAuth(options as never), error);
      });
    }

    it('do not show a secret that is too short', () => {
      const throttle = { attempts: 3, window: 1, secret: 'a secret that is short' };
      const make = () => basicAuth({ service: 'HTTP', realm: 'x', throttle });
      assert.throws(make, (error: Error) => !error.message.includes('that is short'));
    });

    const clients: unknown[] = [undefined, null, {}, 'redis://127.0.0.1', { get() {} }];
    for (const client of clients) {
      it(`ERR_INVALID_ARG_TYPE for the client ${JSON.stringify(client)}`, () => {
        assert.throws(() => redisStore(client as never), TYPE);
      });
    }

    it('may all be left out but the service and the realm', () => {
      basicAuth({ service: 'HTTP', realm: ' ~' }).close();
      basicAuth({ service: 'HTTP', realm: 'x', throttle: false }).close();
      const nothing = { cache: undefined, throttle: undefined, secure: undefined };
      basicAuth({ service: 'HTTP', realm: 'x', ...nothing }).close();
      basicAuth({ service: 'HTTP', realm: 'x', cache: { ttl: 0, denyTtl: 0, max: 1 } }).close();
    });
  });
});
