// Nothing of a password is left in memory after its caller has wiped it. A child process verifies
// the password. When the verification has settled, the test searches the child's memory.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { VerifierOptions } from 'kpass';
import { Realm } from 'kpass/testing';
import { FaultProxy, type Mode } from '../support/fault-proxy';
import { copiesIn, masked } from '../support/memory';
import { optionsFor, SERVICE } from '../support/subject';

/** The child's first message. Any later message aborts the verification. */
interface Job {
  secret: { noise: number[]; mask: number[] };
  user: string;
  options: VerifierOptions;
  /** The kind of object that holds the password: 'string' cannot be wiped, 'unwiped' is not wiped. */
  container: 'outside' | 'small' | 'buffer' | 'string' | 'unwiped';
  /** Another verification comes first, and takes the only thread. */
  queued: boolean;
  /** The child waits until no thread is stalled. */
  afterStalled: boolean;
  /** It calls kpass() instead of a Verifier. */
  byFunction: boolean;
}

// The child gets the password as two pads, so only the caller's object holds it. `small` puts it
// into V8's heap.
const PROGRAM = `
const { kpass, Verifier } = require('kpass');
const containers = {
  outside: (size) => new Uint8Array(new ArrayBuffer(size)),
  small: (size) => new Uint8Array(size),
  buffer: (size) => Buffer.alloc(size),
  string: (size) => Buffer.alloc(size),
  unwiped: (size) => Buffer.alloc(size),
};
process.once('message', async ({ secret, user, options, container, queued, ...job }) => {
  const controller = new AbortController();
  // The listener keeps the process alive, so it can be searched after an abort as well.
  process.on('message', () => controller.abort());
  const { signal } = controller;
  const verifier = new Verifier({ ...options, ...(queued && { threads: 1 }) });
  if (queued) verifier.verify('alice', 'another password').catch(() => {});
  const { service, host, keytab, ...rest } = options;

  let password = containers[container](secret.noise.length);
  for (let i = 0; i < password.length; i++) password[i] = secret.noise[i] ^ secret.mask[i];
  if (container === 'string') password = password.toString('latin1');
  const verdict = job.byFunction
    ? kpass(user, password, service, host, keytab, { ...rest, signal })
    : verifier.verify(user, password, { signal });
  if (container !== 'string' && container !== 'unwiped') password.fill(0);

  const outcome = await verdict.then(
    (value) => (value === true || value.verified ? 'verified' : value.reason),
    (error) => error.code === 20 ? 'aborted' : error.code,
  );
  while (job.afterStalled && verifier.stats.stalled > 0) await new Promise(setImmediate);
  process.send(outcome);
  globalThis.kept = password;
});
process.send('ready');
`;

interface Row extends Partial<Omit<Job, 'secret' | 'options'>> {
  name: string;
  outcome: string;
  options?: Partial<VerifierOptions>;
  mode?: Mode;
  /** The number of requests that the KDC gets before the verification is at the row's stage. */
  requests?: number;
  /** Aborts the verification at that stage. */
  abort?: boolean;
}

/** Answers the first exchange, but not the second, whose request is made with the password. */
const MUTE_AT_SECOND: Mode = ({ n }) => (n === 1 ? 'pass' : 'silent');
const MUTE_AT_TGS: Mode = ({ type }) => (type === 'TGS-REQ' ? 'silent' : 'pass');
const TIMEOUT = 1_500;

describe('a password that its caller has wiped is nowhere in memory', () => {
  // libkrb5 and libc treat passwords differently by length: HMAC's block has 64 bytes, a vector 32.
  const PASSWORDS = { short: randomText(20), middle: randomText(48), long: randomText(1_000) };
  let realm: Realm;
  let impostor: Realm;
  let proxy: FaultProxy;
  let wrongKey: string;

  before(async () => {
    const password = PASSWORDS.middle;
    const users = {
      alice: 'wonderland',
      ...PASSWORDS,
      sha2: { password, enctypes: ['aes256-cts-hmac-sha384-192'] },
      camellia: { password, enctypes: ['camellia256-cts-cmac'] },
      rc4: { password, enctypes: ['arcfour-hmac'] },
      nopreauth: { password, preauth: false },
      disabled: { password, state: 'disabled' },
      mustchange: { password, state: 'must-change' },
    } as const;
    // kpass asks for RC4 only if krb5.conf names it.
    const config = '[libdefaults]\npermitted_enctypes = DEFAULT rc4\n';
    realm = await Realm.start({ users, config });
    impostor = await realm.impostor({ users: { middle: password } });
    proxy = await FaultProxy.start(realm);
    wrongKey = await realm.writeWrongKeytab(SERVICE);
  });
  after(async () => {
    await proxy?.stop();
    await impostor?.stop();
    await realm?.stop();
  });

  /** Runs a row in a child, and searches the child's memory. */
  async function search(
    row: Row,
    password: string,
  ): Promise<{ outcome: string; copies: unknown[] }> {
    const { options = {}, mode = 'pass', requests = 0, abort = false, ...rest } = row;
    await proxy.use(mode);
    proxy.reset();
    const child = spawn(process.execPath, ['-e', PROGRAM], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    try {
      await message(child);
      const job: Job = {
        secret: masked(password),
        user: 'middle',
        container: 'small',
        queued: false,
        afterStalled: false,
        byFunction: false,
        ...rest,
        // Without armor, unless a row is about it: the rows count messages.
        options: optionsFor(realm, { config: proxy.config, fast: 'never', ...options }),
      };
      const settled = message(child);
      child.send(job);
      if (abort) {
        while (proxy.log.length < requests) await sleep(1);
        child.send('abort');
      }
      const outcome = await settled;
      assert(proxy.log.length >= requests, `only ${proxy.log.length} requests`);
      return { outcome, copies: copiesIn(child.pid ?? 0, password) };
    } finally {
      child.kill('SIGKILL');
    }
  }

  describe('and the search proves it, because it finds', () => {
    const held = { user: 'middle', outcome: 'verified' };
    for (const container of ['unwiped', 'string'] as const) {
      it(`one that is ${container === 'string' ? 'a string' : 'not wiped'}`, async () => {
        const row = { ...held, name: container, container };
        const { outcome, copies } = await search(row, PASSWORDS.middle);
        assert.equal(outcome, 'verified');
        assert(copies.length > 0);
      });
    }

    it('one whose beginning the allocator has overwritten', async () => {
      const row: Row = { ...held, name: '', container: 'unwiped' };
      const { copies } = await search(row, PASSWORDS.middle);
      const offsets = new Set(copies.map((copy) => (copy as { offset: number }).offset));
      assert.deepEqual([...offsets], [0, 8, 16, 24, 32, 40]);
    });
  });

  const rows: readonly Row[] = [
    { name: 'success', outcome: 'verified', requests: 2 },
    { name: 'success of kpass()', byFunction: true, outcome: 'verified' },
    { name: 'success, from an array outside V8', container: 'outside', outcome: 'verified' },
    { name: 'success, from a Buffer', container: 'buffer', outcome: 'verified' },
    { name: 'success without preauthentication', user: 'nopreauth', outcome: 'verified' },
    { name: 'success with aes-sha2 keys', user: 'sha2', outcome: 'verified' },
    { name: 'success with Camellia keys', user: 'camellia', outcome: 'verified' },
    { name: 'success with RC4 keys, which take UTF-16', user: 'rc4', outcome: 'verified' },
    {
      name: 'success by way of a TGT',
      options: { canonicalize: true },
      requests: 3,
      outcome: 'verified',
    },
    { name: 'success under armor', options: { fast: 'require' }, outcome: 'verified' },
    {
      name: 'success under armor, of a prompter that libkrb5 asks',
      options: { fast: 'require', otp: 'alone' },
      outcome: 'verified',
    },
    {
      name: 'success under armor without preauthentication',
      user: 'nopreauth',
      options: { fast: 'require' },
      outcome: 'verified',
    },
    {
      name: 'denial under armor',
      user: 'alice',
      options: { fast: 'require' },
      outcome: 'credentials',
    },
    {
      name: 'an abort during the wait for armor',
      mode: 'silent',
      options: { fast: 'require' },
      requests: 1,
      abort: true,
      outcome: 'aborted',
    },
    {
      name: 'an abort under armor during the wait for the second reply',
      mode: ({ n }) => (n < 3 ? 'pass' : 'silent'),
      options: { fast: 'require' },
      requests: 3,
      abort: true,
      outcome: 'aborted',
    },
    { name: 'denial', user: 'alice', outcome: 'credentials' },
    { name: 'denial without a packet', user: '', outcome: 'credentials' },
    { name: 'an unknown user', user: 'nobody', outcome: 'credentials' },
    { name: 'a foreign realm', user: 'a@OTHER.ORG', outcome: 'credentials' },
    { name: 'a disabled account', user: 'disabled', outcome: 'disabled' },
    { name: 'an expired password', user: 'mustchange', outcome: 'expired' },
    { name: 'a wrong configuration', options: { config: '/no' }, outcome: 'ERR_KPASS_CONFIG' },
    { name: 'a missing keytab', options: { keytab: '/no' }, outcome: 'ERR_KPASS_KEYTAB' },
    { name: 'a reset', mode: 'reset', outcome: 'ERR_KPASS_KDC' },
    { name: 'garbage', mode: 'garbage', outcome: 'ERR_KPASS_KDC' },
    {
      name: 'garbage for the second reply',
      mode: ({ n }) => (n === 1 ? 'pass' : 'garbage'),
      outcome: 'ERR_KPASS_KDC',
    },
    {
      name: 'an abort before the KDC has said anything',
      mode: 'silent',
      requests: 1,
      abort: true,
      outcome: 'aborted',
    },
    {
      name: 'an abort during the wait for the second reply',
      mode: MUTE_AT_SECOND,
      requests: 2,
      abort: true,
      outcome: 'aborted',
    },
    {
      name: 'an abort during the wait for the TGS',
      mode: MUTE_AT_TGS,
      options: { canonicalize: true },
      requests: 3,
      abort: true,
      outcome: 'aborted',
    },
    {
      name: 'an abort in the queue',
      queued: true,
      mode: 'silent',
      requests: 1,
      abort: true,
      outcome: 'aborted',
    },
    {
      name: 'an abort while libkrb5 computes, after the end of the computation',
      user: 'sha2',
      // After the first reply, libkrb5 computes for 50 ms.
      requests: 1,
      abort: true,
      afterStalled: true,
      outcome: 'aborted',
    },
    {
      name: 'the deadline, stalled before the KDC has said anything',
      mode: 'silent',
      options: { timeout: TIMEOUT },
      requests: 1,
      outcome: 'ERR_KPASS_TIMEOUT',
    },
    {
      name: 'the deadline, stalled in the second exchange',
      mode: MUTE_AT_SECOND,
      options: { timeout: TIMEOUT },
      requests: 2,
      outcome: 'ERR_KPASS_TIMEOUT',
    },
    {
      name: 'the deadline, stalled in the exchange with the TGS',
      mode: MUTE_AT_TGS,
      options: { timeout: TIMEOUT, canonicalize: true },
      requests: 3,
      outcome: 'ERR_KPASS_TIMEOUT',
    },
    {
      name: 'a refusal because the threads and the queue are full',
      queued: true,
      mode: 'silent',
      options: { queue: 0 },
      outcome: 'ERR_KPASS_BUSY',
    },
    {
      name: 'the deadline in the queue',
      queued: true,
      mode: 'silent',
      options: { timeout: TIMEOUT },
      requests: 1,
      outcome: 'ERR_KPASS_TIMEOUT',
    },
  ];
  for (const row of rows) {
    it(`after ${row.name}`, async () => {
      const { outcome, copies } = await search(row, PASSWORDS.middle);
      assert.equal(outcome, row.outcome);
      assert.deepEqual(copies, []);
    });
  }

  it('after an impostor', async () => {
    const row = { name: '', outcome: '', options: { config: impostor.config } };
    const { outcome, copies } = await search(row, PASSWORDS.middle);
    assert.equal(outcome, 'ERR_KPASS_UNVERIFIED');
    assert.deepEqual(copies, []);
  });

  it('after a wrong key in the keytab', async () => {
    const row = { name: '', outcome: '', options: { keytab: wrongKey } };
    const { outcome, copies } = await search(row, PASSWORDS.middle);
    assert.equal(outcome, 'ERR_KPASS_UNVERIFIED');
    assert.deepEqual(copies, []);
  });

  // A long copy uses more vector registers, which a new thread inherits.
  for (const length of ['short', 'long'] as const) {
    for (const [user, options, expected] of [
      [length, {}, 'verified'],
      ['alice', {}, 'credentials'],
      [length, { keytab: '/no' }, 'ERR_KPASS_KEYTAB'],
    ] as const) {
      const { length: size } = PASSWORDS[length];
      it(`after ${expected}, with ${size} characters`, async () => {
        const row = { name: '', outcome: '', user, options };
        const { outcome, copies } = await search(row, PASSWORDS[length]);
        assert.equal(outcome, expected);
        assert.deepEqual(copies, []);
      });
    }
  }
});

function randomText(length: number): string {
  return randomBytes(length).toString('base64url').slice(0, length);
}

/** Resolves with the child's next message; rejects if the child ends first. */
async function message(child: ChildProcess): Promise<string> {
  const controller = new AbortController();
  const { signal } = controller;
  const [value] = await Promise.race([
    once(child, 'message', { signal }),
    once(child, 'exit', { signal }).then((ending) => assert.fail(`the child ended: ${ending}`)),
  ]).finally(() => controller.abort());
  return value;
}
