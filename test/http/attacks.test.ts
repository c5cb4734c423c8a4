// What other code of the process, or a request, could do to kpass/http.

import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { basicAuth, type Identity, RequestError } from 'kpass/http';
import { HttpFixture } from '../support/http-fixture';
import { optionsFor } from '../support/subject';
import { basic } from '../support/web';

/** Runs with a property on everybody's prototype, as a vulnerable dependency would put it there. */
async function polluted(name: string, value: unknown, run: () => unknown): Promise<void> {
  Object.defineProperty(Object.prototype, name, { value, configurable: true, enumerable: false });
  try {
    await run();
  } finally {
    delete (Object.prototype as Record<string, unknown>)[name];
  }
}

const requestOf = (authorization?: string, socket: object = {}): IncomingMessage =>
  ({ headers: authorization === undefined ? {} : { authorization }, socket }) as never;

describe('kpass/http, attacked', () => {
  const fixture = new HttpFixture();

  it('takes no plain connection for TLS by a polluted prototype', async () => {
    const auth = fixture.authFor();
    await polluted('encrypted', true, () =>
      assert.rejects(auth.check(requestOf(basic('alice', 'wonderland'))), { statusCode: 403 }),
    );
    const tls = requestOf(basic('alice', 'wonderland'), { encrypted: true });
    assert.equal((await auth.check(tls))?.user, 'alice');
  });

  it('takes a request without a socket and headers for no secure one', async () => {
    const auth = fixture.authFor();
    await polluted('headers', { authorization: basic('alice', 'wonderland') }, () =>
      polluted('socket', { encrypted: true }, () =>
        assert.rejects(auth.check({} as never), { statusCode: 403 }),
      ),
    );
  });

  it('logs nobody in by polluted `headers`', async () => {
    const auth = fixture.authFor({ secure: () => true });
    await polluted('headers', { authorization: basic('alice', 'wonderland') }, () =>
      assert.rejects(auth.check({} as never), { statusCode: 500 }),
    );
  });

  it('logs nobody in by a polluted `authorization`', async () => {
    const auth = fixture.authFor({ secure: () => true });
    await polluted('authorization', basic('alice', 'wonderland'), async () =>
      assert.equal(await auth.check(requestOf()), null),
    );
  });

  it('takes no option from a polluted prototype', async () => {
    const stolen = {
      secure: () => true,
      keytab: '/nonexistent',
      config: '/nonexistent',
      cache: false,
    };
    for (const [name, value] of Object.entries(stolen)) {
      await polluted(name, value, async () => {
        const auth = fixture.authFor();
        const tls = requestOf(basic('alice', 'wonderland'), { encrypted: true });
        assert.equal((await auth.check(tls))?.user, 'alice', name);
        await assert.rejects(auth.check(requestOf()), { statusCode: 403 }, name);
      });
    }
  });

  it('takes options from a class with getters', async () => {
    class Options {
      get secure() {
        return () => true;
      }
    }
    const rest = { ...optionsFor(fixture.realm), realm: 'the staff' };
    const auth = basicAuth(Object.assign(new Options(), rest));
    assert.equal(await auth.check(requestOf()), null);
    auth.close();
  });

  it('leaves no user in a request that it refuses', async () => {
    const auth = fixture.authFor();
    const request = requestOf(basic('alice', 'wrong'), { encrypted: true });
    const forged: Identity = {
      user: 'root',
      principal: 'root@EXAMPLE.COM',
      realm: 'EXAMPLE.COM',
      scheme: 'Basic',
    };
    request.kpass = forged;
    const checked = auth.check(request);
    assert.equal(request.kpass, undefined);
    assert.equal(await checked, null);
    assert.equal(request.kpass, undefined);
    const insecure = requestOf(basic('alice', 'wonderland'));
    insecure.kpass = forged;
    await assert.rejects(auth.check(insecure), RequestError);
    assert.equal(insecure.kpass, undefined);
  });

  it('takes a promise of `secure` for a no, also one that rejects', async () => {
    for (const end of [Promise.resolve(true), Promise.reject(new Error('late'))]) {
      const auth = fixture.authFor({ secure: (() => end) as never });
      await assert.rejects(auth.check(requestOf(basic('alice', 'wonderland'))), {
        statusCode: 403,
      });
    }
    await sleep(10); // An unhandled rejection would fail this test.
  });

  it('wipes every password that it decodes, malformed ones too', async () => {
    const auth = fixture.authFor({ secure: () => true });
    const from = Buffer.from;
    const decoded: Buffer[] = [];
    Buffer.from = ((...args: Parameters<typeof from>) => {
      const bytes = from(...args);
      if ((args as unknown[])[1] === 'base64') decoded.push(bytes);
      return bytes;
    }) as typeof from;
    const raw = (bytes: string | Buffer) => `Basic ${from(bytes as string).toString('base64')}`;
    const secret = 'a long enough secret';
    try {
      for (const header of [
        basic('alice', 'wonderland'),
        basic('alice', secret),
        raw(secret),
        raw(`alice:\u0007${secret}`),
        raw(Buffer.concat([from(`alice:${secret}`), from([0xff])])),
        `${raw(`alice:${secret}12`)}=`,
        basic('alice', 'x'.repeat(2_000)),
      ]) {
        await auth.check(requestOf(header));
      }
    } finally {
      Buffer.from = from;
    }
    assert(decoded.length >= 6, `${decoded.length} decoded`);
    for (const bytes of decoded) {
      assert(!bytes.includes(secret) && !bytes.includes('wonderland'), bytes.toString());
    }
  });
});
