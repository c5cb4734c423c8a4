// kpass check --negotiate: the caller's own ticket, from the credential cache to an Acceptor with the keytab.

import { deepEqual, equal, match } from 'node:assert/strict';
import { join } from 'node:path';
import { Realm } from 'kpass/testing';
import { type RunOptions, runCommand } from '../support/command';
import { client } from '../support/kinit';
import { SERVICE } from '../support/subject';

describe('kpass check --negotiate', () => {
  let realm: Realm;
  let other: Realm;
  before(async () => {
    [realm, other] = await Promise.all([
      Realm.start({ users: { alice: 'wonderland' } }),
      Realm.start({ name: 'OTHER.TEST', users: { carol: 'looking glass' } }),
    ]);
  });
  after(() => Promise.all([realm?.stop(), other?.stop()]));

  /** A new cache with alice's TGT, in the form of KRB5CCNAME. */
  const ticket = () => realm.ticket('alice');

  interface Given extends RunOptions {
    cache?: string;
    keytab?: string;
    config?: string;
  }

  async function check(more: string[], { cache, keytab, config, env, ...options }: Given = {}) {
    const given = ['-k', keytab ?? realm.keytab(SERVICE), '-c', config ?? realm.config];
    return await runCommand(['check', '--negotiate', '-H', 'localhost', ...given, ...more], {
      ...options,
      env: { ...env, KRB5CCNAME: cache ?? (await ticket()) },
    });
  }

  it('exits with 0 if the ticket is accepted, as often as it is run', async () => {
    const cache = await ticket();
    for (const option of ['-n', '--negotiate']) {
      const { code, stdout, stderr } = await check([option], { cache });
      deepEqual([code, stderr], [0, '']);
      equal(stdout, '✓ alice@EXAMPLE.COM: the ticket for HTTP/localhost@EXAMPLE.COM is accepted\n');
    }
  });

  it('--json prints who is accepted', async () => {
    const { code, stdout } = await check(['--json']);
    deepEqual(
      [code, JSON.parse(stdout)],
      [0, { accepted: true, principal: 'alice@EXAMPLE.COM', realm: 'EXAMPLE.COM' }],
    );
  });

  it('leaves the service’s ticket in the cache, as each client does', async () => {
    const cache = await ticket();
    await check([], { cache });
    const { stdout } = await client(realm.config, ['klist'], '', { KRB5CCNAME: cache });
    match(stdout, /HTTP\/localhost@EXAMPLE\.COM/);
  });

  it('exits with 1 if the ticket is for a newer key than the keytab has, in libkrb5’s words', async () => {
    await realm.addService('old/localhost');
    await realm.rotateKey('old/localhost');
    const keytab = realm.keytab('old/localhost');
    const { code, stdout, stderr } = await check(['-s', 'old'], { keytab });
    equal(code, 1);
    match(stdout, /^✗ alice@EXAMPLE\.COM: the ticket is refused \(ticket\): .*kvno 2.*keytab/);
    match(stderr, /^ {2}kpass doctor -s old -H localhost -k \S+ -c \S+$/m);
    const json = await check(['-s', 'old', '--json'], { keytab });
    equal(json.code, 1);
    const { message, ...record } = JSON.parse(json.stdout);
    deepEqual(record, { accepted: false, reason: 'ticket' });
    match(message, /kvno 2/);
  });

  it('exits with 1 if the cache has an old ticket, and the keytab has a new key alone', async () => {
    await realm.addService('new/localhost');
    const cache = await ticket();
    equal((await check(['-s', 'new'], { cache, keytab: realm.keytab('new/localhost') })).code, 0);
    await realm.rotateKey('new/localhost');
    const keytab = await realm.writeKeytab('new/localhost');
    const { code, stderr } = await check(['-s', 'new'], { cache, keytab });
    equal(code, 1);
    match(stderr, /^An old ticket may be in your cache: kinit/);
    equal((await check(['-s', 'new'], { keytab })).code, 0);
  });

  it('exits with 1 if another key has made the ticket', async () => {
    const keytab = await realm.writeWrongKeytab(SERVICE);
    const { code, stdout } = await check(['--json'], { keytab });
    deepEqual([code, JSON.parse(stdout).reason], [1, 'ticket']);
  });

  it('exits with 1 for a user of a trusted realm, unless -r names it', async () => {
    const config = await realm.trust(other);
    const cache = await other.ticket('carol');
    const { code, stdout } = await check(['--json'], { cache, config });
    deepEqual([code, JSON.parse(stdout).reason], [1, 'client']);
    equal((await check(['-r', 'OTHER.TEST'], { cache, config })).code, 0);
  });

  it('exits with 2 without a ticket, and prints kinit', async () => {
    const cache = 'FILE:/nonexistent/cache';
    const { code, stdout, stderr } = await check([], { cache });
    deepEqual([code, stdout], [2, '']);
    match(stderr, /^kpass: no ticket: FILE:\/nonexistent\/cache: .* \(krb5_cc_get_principal\)$/m);
    match(stderr, new RegExp(`^ {2}KRB5_CONFIG=${realm.config} kinit$`, 'm'));
    const { error } = JSON.parse((await check(['--json'], { cache })).stdout);
    deepEqual([error.step, error.krb5Name], ['krb5_cc_get_principal', 'KRB5_FCC_NOFILE']);
  });

  it('exits with 2 if the user’s ticket has expired, and prints kinit', async () => {
    // The KDC takes a ticket for as long as clockskew after its end.
    await using strict = await Realm.start({
      users: { alice: 'wonderland' },
      config: '[libdefaults]\n  clockskew = 1\n',
    });
    const cache = `FILE:${join(strict.folder, 'short')}`;
    const kinit = ['kinit', '-l', '1s', 'alice'];
    const env = { KRB5CCNAME: cache };
    equal((await client(strict.config, kinit, 'wonderland\n', env)).code, 0);
    const given = { cache, config: strict.config, keytab: strict.keytab(SERVICE) };
    let { code, stderr } = await check([], given);
    while (code === 0) ({ code, stderr } = await check([], given));
    equal(code, 2);
    match(stderr, /^ {2}KRB5_CONFIG=\S+ kinit$/m);
  });

  it('exits with 2 if the KDC does not know the service, and prints doctor', async () => {
    const { code, stderr } = await check(['-s', 'imap']);
    equal(code, 2);
    match(stderr, /^kpass: no ticket: .*not found in Kerberos database.*krb5_get_credentials/);
    match(stderr, /^ {2}kpass doctor -s imap /m);
  });

  it('exits with 2 if no KDC answers, at the latest at the timeout', async () => {
    const cache = await ticket();
    await realm.pause();
    try {
      const began = Date.now();
      const { code, stdout } = await check(['-t', '700', '--json'], { cache });
      equal(code, 2);
      match(JSON.parse(stdout).error.message, /^no ticket: no answer in 700 ms$/);
      equal(Date.now() - began < 10_000, true);
    } finally {
      await realm.resume();
    }
  });

  it('exits with 2 for a keytab that cannot be read: that is no refusal', async () => {
    const { code, stdout } = await check(['--json'], { keytab: '/nonexistent/keytab' });
    deepEqual([code, JSON.parse(stdout).error.code], [2, 'ERR_KPASS_KEYTAB']);
  });

  const wrong: Record<string, [args: string[], complaint: RegExp]> = {
    'a user': [['alice'], /the ticket names the user/],
    '--password-stdin': [['--password-stdin'], /--password-stdin has no meaning with/],
    '--canonicalize': [['--canonicalize'], /--canonicalize has no meaning with/],
    '--domain': [['--domain', 'A=B'], /--domain has no meaning with/],
  };
  for (const [what, [args, complaint]] of Object.entries(wrong)) {
    it(`takes ${what} for wrong usage`, async () => {
      const { code, stderr } = await check(args, { cache: 'FILE:/nonexistent' });
      equal(code, 2);
      match(stderr, complaint);
    });
  }
});
