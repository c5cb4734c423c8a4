// Nothing of the two passwords of a change is left in memory after its caller has wiped them. A child
// process makes the change. When the change has settled, the test searches the child's memory.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { VerifierOptions } from 'kpass';
import { Realm } from 'kpass/testing';
import { FaultProxy, type Mode } from '../support/fault-proxy';
import { copiesIn, masked } from '../support/memory';
import { optionsFor } from '../support/subject';

// The child gets each password as two pads, so only the caller's arrays hold it.
const PROGRAM = `
const { Verifier } = require('kpass');
process.once('message', async ({ secrets, user, options, wiped, afterStalled }) => {
  const controller = new AbortController();
  // The listener keeps the process alive, so it can be searched after an abort as well.
  process.on('message', () => controller.abort());
  const verifier = new Verifier(options);
  const passwords = secrets.map(({ noise, mask }) => {
    const bytes = new Uint8Array(noise.length);
    for (let i = 0; i < bytes.length; i++) bytes[i] = noise[i] ^ mask[i];
    return bytes;
  });
  const { signal } = controller;
  const change = verifier.changePassword(user, ...passwords, { signal });
  if (wiped) for (const bytes of passwords) bytes.fill(0);
  const outcome = await change.then(
    (value) => (value.changed ? 'changed' : value.reason),
    (error) => (error.code === 20 ? 'aborted' : error.code + ' ' + error.step),
  );
  while (afterStalled && verifier.stats.stalled > 0) await new Promise(setImmediate);
  process.send(outcome);
  globalThis.kept = passwords;
});
process.send('ready');
`;

interface Row {
  name: string;
  outcome: string;
  /** The faults of the KDC, and of the password server. */
  kdc?: Mode;
  server?: Mode;
  options?: Partial<VerifierOptions>;
  wrong?: boolean;
  /** The number of requests that both get before an abort. */
  abort?: number;
  afterStalled?: boolean;
  policy?: string;
}

const TIMEOUT = 1_500;

describe('of the passwords of a change, wiped by their caller, nothing is in memory', () => {
  let realm: Realm;
  let kdc: FaultProxy;
  let server: FaultProxy;
  let config: string;
  let users = 0;

  before(async () => {
    realm = await Realm.start({ passwords: true });
    kdc = await FaultProxy.start(realm);
    server = await FaultProxy.beforePasswords(realm);
    config = await realm.writeConfig({
      kdcs: [`127.0.0.1:${kdc.port}`],
      passwordServers: [`127.0.0.1:${server.port}`],
    });
    await realm.kadmin('addpol', '-minlength', '2000', 'endless');
  });
  after(async () => {
    await kdc?.stop();
    await server?.stop();
    await realm?.stop();
  });

  /** Runs a row in a child, and searches the child's memory for both passwords. */
  async function search(row: Row, size: number, wiped = true) {
    const [old, fresh] = [randomText(size), randomText(size)];
    const user = `user${++users}`;
    await realm.addUser(user, row.wrong ? 'another password' : old);
    if (row.policy !== undefined) await realm.kadmin('modprinc', '-policy', row.policy, user);
    await kdc.use(row.kdc ?? 'pass');
    await server.use(row.server ?? 'pass');
    kdc.reset();
    server.reset();
    const child = spawn(process.execPath, ['-e', PROGRAM], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    try {
      await message(child);
      const settled = message(child);
      child.send({
        secrets: [masked(old), masked(fresh)],
        user,
        // The rows count messages, and the armor's login would add some.
        options: optionsFor(realm, { config, fast: 'never', ...row.options }),
        wiped,
        afterStalled: row.afterStalled ?? false,
      });
      if (row.abort !== undefined) {
        while (kdc.log.length + server.log.length < row.abort) await sleep(1);
        child.send('abort');
      }
      const outcome = await settled;
      const pid = child.pid ?? 0;
      return { outcome, old: copiesIn(pid, old), fresh: copiesIn(pid, fresh) };
    } finally {
      child.kill('SIGKILL');
    }
  }

  it('and the search proves it, because it finds both when they are not wiped', async () => {
    const { outcome, old, fresh } = await search({ name: '', outcome: '' }, 48, false);
    assert.equal(outcome, 'changed');
    assert(old.length > 0 && fresh.length > 0);
  });

  const MUTE_AT_PROOF: Mode = ({ n }) => (n === 1 ? 'pass' : 'silent');
  const MUTE_AFTER_CHANGE: Mode = ({ n }) => (n <= 2 ? 'pass' : 'silent');
  const timeout = { timeout: TIMEOUT };
  const rows: readonly Row[] = [
    { name: 'success', outcome: 'changed' },
    { name: 'success with canonicalization', outcome: 'changed', options: { canonicalize: true } },
    { name: 'success under armor', outcome: 'changed', options: { fast: 'require' } },
    { name: 'a wrong old password', outcome: 'credentials', wrong: true },
    { name: 'a refusal of the new one', outcome: 'rejected', policy: 'endless' },
    {
      name: 'a missing keytab',
      outcome: 'ERR_KPASS_KEYTAB krb5_kt_get_entry',
      options: { keytab: '/no' },
    },
    {
      name: 'garbage of the KDC',
      outcome: 'ERR_KPASS_KDC krb5_get_init_creds_password',
      kdc: 'garbage',
    },
    { name: 'garbage of the server', outcome: 'ERR_KPASS_TIMEOUT kpasswd', server: 'garbage' },
    { name: 'a reset by the server', outcome: 'ERR_KPASS_TIMEOUT kpasswd', server: 'reset' },
    {
      name: 'the deadline, before the KDC has said anything',
      outcome: 'ERR_KPASS_TIMEOUT deadline',
      kdc: 'silent',
      options: timeout,
    },
    {
      name: 'the deadline, during the wait for the ticket',
      outcome: 'ERR_KPASS_TIMEOUT deadline',
      kdc: MUTE_AT_PROOF,
      options: timeout,
    },
    {
      name: 'the deadline, during the wait for the password server',
      outcome: 'ERR_KPASS_TIMEOUT kpasswd',
      server: 'silent',
      options: timeout,
    },
    {
      name: 'the deadline, during the verification',
      outcome: 'ERR_KPASS_TIMEOUT kpasswd',
      kdc: MUTE_AFTER_CHANGE,
      options: timeout,
    },
    { name: 'an abort at the KDC', outcome: 'aborted', kdc: 'silent', abort: 1 },
    { name: 'an abort at the password server', outcome: 'aborted', server: 'silent', abort: 3 },
    {
      name: 'an abort during the verification',
      outcome: 'aborted',
      kdc: MUTE_AFTER_CHANGE,
      abort: 4,
    },
    { name: 'an abort while libkrb5 computes', outcome: 'aborted', abort: 2, afterStalled: true },
  ];
  for (const row of rows) {
    it(`after ${row.name}`, async () => {
      const { outcome, old, fresh } = await search(row, 48);
      assert.equal(outcome, row.outcome);
      assert.deepEqual({ old, fresh }, { old: [], fresh: [] });
    });
  }

  // A long copy uses more vector registers, which a new thread inherits.
  for (const size of [20, 1_000]) {
    it(`after success, with ${size} characters`, async () => {
      const { outcome, old, fresh } = await search({ name: '', outcome: '' }, size);
      assert.equal(outcome, 'changed');
      assert.deepEqual({ old, fresh }, { old: [], fresh: [] });
    });
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
