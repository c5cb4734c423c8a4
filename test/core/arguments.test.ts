// A wrong argument is a TypeError with Node's own codes. The constructor throws it; elsewhere the
// promise rejects with it.

import assert from 'node:assert/strict';
import { IncomingMessage } from 'node:http';
import { kpass, Verifier } from 'kpass';

const TYPE = { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' };
const VALUE = { name: 'TypeError', code: 'ERR_INVALID_ARG_VALUE' };
const GOOD = { service: 'HTTP', host: 'localhost', keytab: '/nonexistent', config: '/nonexistent' };
const UPN = { ...GOOD, canonicalize: true };

describe('arguments', () => {
  describe('of a Verifier', () => {
    const mistakes: [string, unknown, typeof TYPE][] = [
      ['no options', undefined, TYPE],
      ['null for options', null, TYPE],
      ['a string for options', 'HTTP', TYPE],
      ['an array for options', ['HTTP'], TYPE],
      ['no service', {}, TYPE],
      ['a number for the service', { service: 5 }, TYPE],
      ['an empty service', { service: '' }, VALUE],
      ['NUL in the service', { service: 'HT\0TP' }, VALUE],
      ['a lone surrogate in the service', { service: 'HTTP\ud800' }, VALUE],
      ['a number for the host', { ...GOOD, host: 5 }, TYPE],
      ['an empty host', { ...GOOD, host: '' }, VALUE],
      ['NUL in the host', { ...GOOD, host: 'localhost\0' }, VALUE],
      ['an object for the keytab', { ...GOOD, keytab: {} }, TYPE],
      ['NUL in the keytab', { ...GOOD, keytab: '/etc/krb5.keytab\0' }, VALUE],
      ['a string for the realms', { ...GOOD, realms: 'EXAMPLE.COM' }, TYPE],
      ['no realms in the list', { ...GOOD, realms: [] }, VALUE],
      ['an empty realm', { ...GOOD, realms: [''] }, VALUE],
      ['a number for a realm', { ...GOOD, realms: ['A', 5] }, TYPE],
      ['a hole for a realm', { ...GOOD, realms: Array(1) }, TYPE],
      ['NUL in a realm', { ...GOOD, realms: ['A\0'] }, VALUE],
      ['a string for the UPN suffixes', { ...UPN, upnSuffixes: 'corp.example' }, TYPE],
      ['a number for a UPN suffix', { ...UPN, upnSuffixes: [5] }, TYPE],
      ['an empty UPN suffix', { ...UPN, upnSuffixes: [''] }, VALUE],
      ['a UPN suffix with its @', { ...UPN, upnSuffixes: ['@corp.example'] }, VALUE],
      ['a UPN suffix with a blank', { ...UPN, upnSuffixes: ['corp.example '] }, VALUE],
      ['NUL in a UPN suffix', { ...UPN, upnSuffixes: ['corp\0'] }, VALUE],
      ['a UPN suffix without canonicalize', { ...GOOD, upnSuffixes: ['corp.example'] }, VALUE],
      ['a string for the domains', { ...GOOD, domains: 'EXAMPLE' }, TYPE],
      ['null for the domains', { ...GOOD, domains: null }, TYPE],
      ['an array for the domains', { ...GOOD, domains: ['EXAMPLE'] }, TYPE],
      ['a number for the realm of a domain', { ...GOOD, domains: { A: 5 } }, TYPE],
      ['an empty realm of a domain', { ...GOOD, domains: { A: '' } }, VALUE],
      ['an empty domain', { ...GOOD, domains: { '': 'A' } }, VALUE],
      ['a domain with its backslash', { ...GOOD, domains: { 'A\\': 'A' } }, VALUE],
      ['two realms for a domain', { ...GOOD, domains: { a: 'A', A: 'B' } }, VALUE],
      [
        'a domain of a realm that is not in realms',
        { ...GOOD, realms: ['B'], domains: { A: 'A' } },
        VALUE,
      ],
      ['a string for the timeout', { ...GOOD, timeout: '10' }, TYPE],
      ['a timeout of 0', { ...GOOD, timeout: 0 }, VALUE],
      ['a negative timeout', { ...GOOD, timeout: -1 }, VALUE],
      ['a timeout that is not a number', { ...GOOD, timeout: Number.NaN }, VALUE],
      ['an endless timeout', { ...GOOD, timeout: Infinity }, VALUE],
      ["a timeout past setTimeout's", { ...GOOD, timeout: 2 ** 31 }, VALUE],
      ['no threads', { ...GOOD, threads: 0 }, VALUE],
      ['half a thread', { ...GOOD, threads: 1.5 }, VALUE],
      ['a string for the threads', { ...GOOD, threads: '4' }, TYPE],
      ['a negative queue', { ...GOOD, queue: -1 }, VALUE],
      ['a bigint for the queue', { ...GOOD, queue: 5n }, TYPE],
      ['an empty path of krb5.conf', { ...GOOD, config: '' }, VALUE],
      ['no paths of krb5.conf', { ...GOOD, config: [] }, VALUE],
      ['NUL in the path of krb5.conf', { ...GOOD, config: ['/etc/krb5.conf\0'] }, VALUE],
      ['null for krb5.conf', { ...GOOD, config: null }, TYPE],
      ['a string for canonicalize', { ...GOOD, canonicalize: 'no' }, TYPE],
      ['a flag for trace', { ...GOOD, trace: true }, TYPE],
    ];
    for (const [what, options, error] of mistakes) {
      it(`${error.code} for ${what}`, () => {
        assert.throws(() => new Verifier(options as never), error);
      });
    }

    it('may all be left out but the service', () => {
      new Verifier({ service: 'HTTP' }).close();
      new Verifier({ service: 'HTTP', upnSuffixes: [], domains: {} }).close();
      const nothing = { host: undefined, keytab: undefined, realms: undefined, timeout: undefined };
      new Verifier({ service: 'HTTP', ...nothing }).close();
      new Verifier({ service: 'HTTP', host: null, keytab: null, queue: 0, timeout: 0.5 }).close();
    });
  });

  describe('of verify()', () => {
    const verifier = new Verifier(GOOD);
    const mistakes: [string, unknown[], typeof TYPE][] = [
      ['no user', [], TYPE],
      ['null for the user', [null, 'x'], TYPE],
      ['bytes for the user', [Buffer.from('alice'), 'x'], TYPE],
      ['no password', ['alice'], TYPE],
      ['null for the password', ['alice', null], TYPE],
      ['a number for the password', ['alice', 1234], TYPE],
      ['an array for the password', ['alice', [1, 2]], TYPE],
      ['an ArrayBuffer for the password', ['alice', new ArrayBuffer(4)], TYPE],
      ['16-bit numbers for the password', ['alice', new Uint16Array(4)], TYPE],
      ['a DataView for the password', ['alice', new DataView(new ArrayBuffer(4))], TYPE],
      ['a String object for the password', ['alice', new String('x')], TYPE],
      ['a string for the options', ['alice', 'x', 'y'], TYPE],
      ['null for the options', ['alice', 'x', null], TYPE],
      ['an object for the signal', ['alice', 'x', { signal: {} }], TYPE],
      [
        'an object with `aborted` that is not a signal',
        ['alice', 'x', { signal: new IncomingMessage(null as never) }],
        TYPE,
      ],
      ['null for the signal', ['alice', 'x', { signal: null }], TYPE],
      ['a string for the timeout', ['alice', 'x', { timeout: '5' }], TYPE],
      ['a timeout of 0', ['alice', 'x', { timeout: 0 }], VALUE],
    ];
    for (const [what, args, error] of mistakes) {
      it(`rejects with ${error.code} for ${what}`, async () => {
        await assert.rejects(verifier.verify(...(args as [never, never, never])), error);
      });
    }
  });

  describe('of kpass()', () => {
    const mistakes: [string, unknown[], typeof TYPE][] = [
      ['nothing', [], TYPE],
      ['no service', ['alice', 'x'], TYPE],
      ['an empty service', ['alice', 'x', ''], VALUE],
      ['NUL in the service', ['alice', 'x', 'HTTP\0'], VALUE],
      ['NUL in the host', ['alice', 'x', 'HTTP', 'localhost\0'], VALUE],
      ['NUL in the keytab', ['alice', 'x', 'HTTP', 'localhost', '\0'], VALUE],
      ['a number for the host', ['alice', 'x', 'HTTP', 5], TYPE],
      ['a number for the keytab', ['alice', 'x', 'HTTP', null, 5], TYPE],
      ['a string for the options', ['alice', 'x', 'HTTP', null, null, 'x'], TYPE],
      ['a timeout of 0', ['alice', 'x', 'HTTP', null, null, { timeout: 0 }], VALUE],
      ['NUL in a path of krb5.conf', ['alice', 'x', 'HTTP', null, null, { config: '\0' }], VALUE],
      ['something else for the signal', ['alice', 'x', 'HTTP', null, null, { signal: 1 }], TYPE],
      // It rejects even if the password could never be right.
      ['no service, and an empty password', ['alice', ''], TYPE],
    ];
    for (const [what, args, error] of mistakes) {
      it(`rejects with ${error.code} for ${what}`, async () => {
        const call = kpass(...(args as [never, never, never]));
        assert(call instanceof Promise);
        await assert.rejects(call, error);
      });
    }
  });

  it('options may be inherited, but not from Object.prototype', async () => {
    const inherited = Object.create({ config: '/inherited', timeout: 0 });
    assert.throws(() => new Verifier(Object.assign(inherited, { service: 'HTTP' })), VALUE);
    await assert.rejects(kpass('alice', 'x', 'HTTP', 'localhost', null, inherited), VALUE);
    const everybody = Object.prototype as { timeout?: number };
    everybody.timeout = 0;
    try {
      await assert.rejects(kpass('alice', 'x', 'HTTP', 'h', '/nonexistent'), (error: Error) => {
        return error.name === 'KpassError';
      });
    } finally {
      delete everybody.timeout;
    }
  });

  it('an error message never contains the user or the password', async () => {
    const secret = { toString: () => 'sEcReT', sEcReT: 'sEcReT' };
    for (const args of [
      [secret, 'x'],
      ['alice', secret],
      [['sEcReT'], ['sEcReT']],
    ]) {
      const error = await new Verifier(GOOD)
        .verify(...(args as [never, never]))
        .catch((error: Error) => error);
      assert(error instanceof TypeError && !error.message.includes('sEcReT'), String(error));
    }
  });

  it('a Uint8Array is read before verify() returns, and never changed', async () => {
    const password = new TextEncoder().encode('wonderland');
    const call = new Verifier(GOOD).verify('alice', password);
    assert.deepEqual(password, new TextEncoder().encode('wonderland'));
    password.fill(0);
    await assert.rejects(call, { code: 'ERR_KPASS_CONFIG' });
    assert.deepEqual(password, new Uint8Array(10));
  });

  it('a Uint8Array may come from another context, or have shared or no memory', async () => {
    const { runInNewContext } = await import('node:vm');
    const verifier = new Verifier(GOOD);
    const arrays: Uint8Array[] = [
      runInNewContext('new Uint8Array([120])'),
      new Uint8Array(new SharedArrayBuffer(4)).fill(120),
      Buffer.from('x'),
      new Uint8Array(new ArrayBuffer(8), 4, 2).fill(120),
    ];
    for (const array of arrays) {
      await assert.rejects(verifier.verify('alice', array), { code: 'ERR_KPASS_CONFIG' });
    }
    const gone = new Uint8Array([120]);
    structuredClone(gone, { transfer: [gone.buffer] });
    assert.deepEqual(await verifier.verify('alice', gone), {
      verified: false,
      reason: 'credentials',
    });
  });
});
