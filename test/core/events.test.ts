// An operator can watch two things: the end of each verification, on a diagnostics channel, and
// libkrb5's trace.

import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { VerifyEvent } from 'kpass';
import type { Realm } from 'kpass/testing';
import { runProgram } from '../support/child';
import { FaultProxy } from '../support/fault-proxy';
import { startWorld } from '../support/realms';
import { failureOf, kpassIn, verifierFor } from '../support/subject';

describe("the channel 'kpass:verify'", () => {
  let realm: Realm;
  let proxy: FaultProxy;
  let events: VerifyEvent[];
  const note = (message: unknown) => events.push(message as VerifyEvent);

  before(async () => {
    realm = await startWorld();
    proxy = await FaultProxy.start(realm);
  });
  after(async () => {
    await proxy?.stop();
    await realm?.stop();
  });
  beforeEach(() => {
    events = [];
    subscribe('kpass:verify', note);
  });
  afterEach(() => unsubscribe('kpass:verify', note));

  // Without armor: the first login of a realm has none, and the others would.
  const fast = 'never';
  const common = { service: 'HTTP', host: 'localhost', armored: false };
  const AS = 'krb5_get_init_creds_password';
  const rows: [string, () => Promise<unknown>, Omit<VerifyEvent, 'duration'>][] = [
    [
      'a right password',
      () => verifierFor(realm, { fast }).verify('alice', 'wonderland'),
      {
        ...common,
        outcome: 'verified',
        step: 'krb5_verify_init_creds',
        principal: 'alice@EXAMPLE.COM',
      },
    ],
    [
      'a wrong password',
      () => verifierFor(realm, { fast }).verify('alice', 'hunter2'),
      { ...common, outcome: 'denied', step: AS, reason: 'credentials' },
    ],
    [
      'input that is never sent',
      () => kpassIn(realm, 'hunter2\0', 'hunter2'),
      { ...common, outcome: 'denied', step: 'input', reason: 'credentials' },
    ],
    [
      'a disabled account',
      () => verifierFor(realm, { fast }).verify('disabled', 'wonderland'),
      { ...common, outcome: 'denied', step: AS, reason: 'disabled' },
    ],
    [
      'a disabled account, by kpass()',
      () => failureOf(kpassIn(realm, 'disabled', 'wonderland', { service: 'HTTP', fast })),
      {
        ...common,
        outcome: 'failed',
        step: AS,
        code: 'ERR_KPASS_ACCOUNT',
        krb5Name: 'KRB5KDC_ERR_CLIENT_REVOKED',
        reason: 'disabled',
      },
    ],
    [
      'no keytab',
      () =>
        failureOf(verifierFor(realm, { fast, keytab: '/nonexistent' }).verify('alice', 'hunter2')),
      {
        ...common,
        outcome: 'failed',
        step: 'krb5_kt_get_entry',
        code: 'ERR_KPASS_KEYTAB',
        krb5Name: 'ENOENT',
      },
    ],
    [
      'a deadline that passed',
      async () => {
        await proxy.use('silent');
        const verifier = verifierFor(realm, { fast, config: proxy.config, timeout: 100 });
        await failureOf(verifier.verify('alice', 'hunter2'));
      },
      { ...common, outcome: 'failed', step: 'deadline', code: 'ERR_KPASS_TIMEOUT' },
    ],
    [
      'an abort',
      () => {
        const signal = AbortSignal.abort(new Error('hunter2'));
        return assert.rejects(verifierFor(realm, { fast }).verify('alice', 'hunter2', { signal }));
      },
      { ...common, outcome: 'aborted', step: 'abort' },
    ],
  ];
  for (const [name, verify, expected] of rows) {
    it(`publishes ${name}, once, without a secret`, async () => {
      await verify();
      assert.equal(events.length, 1);
      const [{ duration, ...event }] = events as [VerifyEvent];
      assert.deepEqual(event, expected);
      assert(duration >= 0 && duration < 30_000, `${duration} ms`);
      assert(!JSON.stringify(events).includes('hunter2'));
    });
  }

  it('a subscriber that throws changes no verdict', async () => {
    const { code, stdout } = await runProgram(
      realm,
      `require('node:diagnostics_channel').subscribe('kpass:verify', () => { throw new Error('no'); });
       process.on('uncaughtException', ({ message }) => console.log('uncaught', message));
       new Verifier(options).verify('alice', 'wonderland').then((v) => console.log(v.verified));`,
    );
    assert.deepEqual(
      { code, lines: stdout.trim().split('\n').sort() },
      { code: 0, lines: ['true', 'uncaught no'] },
    );
  });
});

describe("libkrb5's trace", () => {
  let realm: Realm;
  let lines: string[];
  const trace = (line: string) => lines.push(line);
  before(async () => {
    realm = await startWorld();
  });
  after(() => realm?.stop());
  beforeEach(() => {
    lines = [];
  });

  it('arrives before the verdict, line by line, without the password', async () => {
    const verifier = verifierFor(realm, { trace });
    let atVerdict = 0;
    const { verified } = await verifier.verify('alice', 'wonderland').then((verdict) => {
      atVerdict = lines.length;
      return verdict;
    });
    assert.equal(verified, true);
    assert.equal(atVerdict, lines.length);
    const all = lines.join('\n');
    assert.match(all, /Getting initial credentials for alice@EXAMPLE\.COM/);
    assert.match(all, new RegExp(`kpass asks UDP 127\\.0\\.0\\.1:${realm.port}$`, 'm'));
    assert.match(all, /Decrypted AP-REQ .*HTTP\/localhost@EXAMPLE\.COM/);
    assert(!all.includes('wonderland'));
    for (const line of lines) assert.match(line, /^\[\d+\] \d+\.\d+: \P{Cc}+$/u);
  });

  it('is separate for each verification', async () => {
    const verifier = verifierFor(realm, { trace, threads: 1 });
    await verifier.verify('alice', 'wrong');
    const first = lines.length;
    assert(first > 0);
    await verifierFor(realm, { threads: 1 }).verify('alice', 'wrong');
    assert.equal(lines.length, first);
    await verifier.verify('nobody', 'wrong');
    assert.match(lines.slice(first).join('\n'), /nobody@EXAMPLE\.COM/);
    assert(!lines.slice(first).join('\n').includes('alice'));
  });

  it('ends with the last lines before the deadline', async () => {
    await using proxy = await FaultProxy.start(realm);
    await proxy.use('silent');
    const timeout = 300 * Number(process.env.KPASS_SLOW ?? 1);
    const verifier = verifierFor(realm, { trace, config: proxy.config, timeout });
    assert.equal((await failureOf(verifier.verify('alice', 'x'))).code, 'ERR_KPASS_TIMEOUT');
    assert.match(lines.join('\n'), /kpass asks UDP/);
  });

  it('a listener that throws changes no verdict', async () => {
    const { code, stdout } = await runProgram(
      realm,
      `process.on('uncaughtException', ({ message }) => console.log('uncaught', message));
       const verifier = new Verifier({ ...options, trace() { throw new Error('no'); } });
       Promise.all([1, 2, 3].map(() => verifier.verify('alice', 'wonderland')))
         .then((all) => console.log(all.every((v) => v.verified)));`,
    );
    const uncaught = Array(3).fill('uncaught no');
    assert.deepEqual(
      { code, lines: stdout.trim().split('\n').sort() },
      { code: 0, lines: ['true', ...uncaught] },
    );
  });
});
