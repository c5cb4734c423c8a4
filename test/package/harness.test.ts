// The core without Node (native/test/harness.cc), under valgrind, and with allocations that fail. In
// scripts/sanitize, the sanitizer's build takes the place of valgrind.

import { equal, match } from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { Realm } from 'kpass/testing';

/** Times are multiplied by this: other programs share the machine, and sanitizers are slow. */
const SLOW = Number(process.env.KPASS_SLOW ?? 1);

const PACKAGE = join(__dirname, '../..');
const SANITIZER = /build-(asan|tsan)$/.exec(process.env.KPASS_BUILD ?? '')?.[1];
const HARNESS = join(PACKAGE, `build-${SANITIZER ?? 'dev'}/build/harness`);
// valgrind reports only definite leaks: glibc keeps the stacks of ended threads.
const VALGRIND = SANITIZER
  ? []
  : [
      'valgrind',
      '-q',
      '--leak-check=full',
      '--show-leak-kinds=definite',
      '--errors-for-leak-kinds=definite',
      '--error-exitcode=9',
    ];
/** The key of this type takes 9 allocations. Others take 24,000, and each of them would be tried. */
const RC4 = {
  config:
    '[libdefaults]\n  allow_weak_crypto = true\n  allow_rc4 = true\n  permitted_enctypes = DEFAULT rc4\n',
};

describe('the core alone', function () {
  this.timeout(120_000 * SLOW);
  let realm: Realm;
  let impostor: Realm;

  before(async () => {
    if (!SANITIZER) {
      execFileSync(join(PACKAGE, 'scripts/compile'), ['dev'], { stdio: 'inherit' });
    }
    const users = (password: string) => ({
      alice: password,
      rc4: { password, enctypes: ['arcfour-hmac'] },
    });
    realm = await Realm.start({ passwords: true, users: users('wonderland'), ...RC4 });
    impostor = await realm.impostor({ users: users('hijacked') });
  });

  after(async () => {
    await realm?.stop();
    await impostor?.stop();
  });

  interface Run {
    /** The program that runs the harness. */
    under?: string[];
    kdc: Realm;
    /** A password, or a token. */
    input: string | Uint8Array;
    options?: string[];
    user?: string;
  }

  /** The output of the harness; it fails unless the exit code is 0. */
  async function harness({
    under = [],
    kdc,
    input,
    options = [],
    user = 'alice',
  }: Run): Promise<string> {
    const service = ['--service', 'HTTP', '--host', 'localhost'];
    const files = ['--keytab', realm.keytab('HTTP/localhost'), '--config', kdc.config];
    const what = typeof input === 'string' ? [user] : ['--token'];
    const [program = '', ...args] = [...under, HARNESS, ...service, ...files, ...options, ...what];
    const { ASAN_OPTIONS } = process.env;
    const env = {
      ...process.env,
      ASAN_OPTIONS: `${ASAN_OPTIONS}:detect_leaks=1:fast_unwind_on_malloc=0`,
    };
    const child = spawn(program, args, { env });
    child.stdin.end(input);
    const output = Promise.all([text(child.stdout), text(child.stderr)]);
    const [code] = await once(child, 'close');
    const [stdout, stderr] = await output;
    equal(code, 0, `${stdout}\n${stderr}`);
    return stdout;
  }

  /** The token with its last byte turned over: the end of the authenticator. */
  function changed(token: Uint8Array): Uint8Array {
    const copy = Buffer.from(token);
    copy.writeUInt8(copy.readUInt8(copy.length - 1) ^ 1, copy.length - 1);
    return copy;
  }

  describe(`under ${SANITIZER ? 'a sanitizer' : 'valgrind'}, without an error or a leak,`, () => {
    const rows = [
      {
        what: 'the right password',
        genuine: true,
        password: 'wonderland',
        says: /^verified alice@/,
      },
      { what: 'a wrong one', genuine: true, password: 'x', says: /^not verified: krb5_get_init/ },
      {
        what: 'an impostor',
        genuine: false,
        password: 'hijacked',
        says: /^not verified: krb5_ver/,
      },
    ];
    for (const { what, genuine, password, says } of rows) {
      const ways = genuine && password !== 'x' ? [[], ['--canonicalize'], ['--armor']] : [[]];
      for (const options of ways) {
        it(`has the right outcome for ${what} ${options}`, async () => {
          const kdc = genuine ? realm : impostor;
          match(await harness({ under: VALGRIND, kdc, input: password, options }), says);
        });
      }
    }

    for (const [what, input, options, says] of [
      ['a wrong password', 'x', [], /^not verified: krb5_get_init_creds_password/],
      ['repeated logins', 'wonderland', ['--repeat', '5'], /^(verified alice@EXAMPLE.COM\n){5}$/],
      ['a pool', 'wonderland', ['--threads', '4', '--repeat', '12'], /^12 verified alice@/],
    ] as const) {
      it(`has the right outcome for ${what} under armor`, async () => {
        const more = ['--armor', ...options];
        match(await harness({ under: VALGRIND, kdc: realm, input, options: more }), says);
      });
    }

    it('has the right outcome for an impostor that gives no armor', async () => {
      const options = ['--armor'];
      const run = { under: VALGRIND, kdc: impostor, input: 'hijacked', options };
      match(await harness(run), /^not verified: krb5_get_init_creds_keytab/);
    });

    it('has the right outcome for a token', async () => {
      const token = await realm.token('alice', 'HTTP/localhost', { mutual: true });
      const options = ['--repeat', '10'];
      match(
        await harness({ under: VALGRIND, kdc: realm, input: token, options }),
        /^(accepted alice@EXAMPLE.COM\n){10}$/,
      );
    });

    it('has the right outcome for a token that was changed', async () => {
      const input = changed(await realm.token('alice', 'HTTP/localhost'));
      match(await harness({ under: VALGRIND, kdc: realm, input }), /^not accepted: krb5_rd_req/);
    });

    it('has the right outcome for a change of a password', async () => {
      const change = (kdc: Realm, input: string) =>
        harness({ under: VALGRIND, kdc, input, options: ['--change'] });
      match(await change(realm, 'wonderland'), /^changed alice@EXAMPLE.COM\n$/);
      match(await change(realm, 'x'), /^not changed: krb5_get_init_creds_password/);
      match(await change(impostor, 'hijacked'), /^not changed: krb5_verify_init_creds/);
    });

    for (const change of [[], ['--change']]) {
      it(`has the right outcomes on a pool, with some calls abandoned ${change}`, async () => {
        const options = ['--threads', '4', '--repeat', '12', '--abandon', '300', ...change];
        await harness({ under: VALGRIND, kdc: realm, input: 'wonderland', options });
      });
    }
  });

  // ThreadSanitizer's build lets no allocation fail. AddressSanitizer's build is slow, so it tries
  // only some allocations (--skim). It does not try the impostor: if glibc's vasprintf() gets no
  // memory for libkrb5's long message, the text has no end, and AddressSanitizer reports that.
  describe('believes only the realm, and does not crash, when memory runs out', () => {
    const rows = [
      { what: 'the right password', genuine: true, password: 'wonderland', more: ['--genuine'] },
      { what: 'a wrong one', genuine: true, password: 'x', more: [] },
      { what: 'an impostor', genuine: false, password: 'hijacked', more: [] },
    ].filter(({ genuine }) => !SANITIZER || (SANITIZER === 'asan' && genuine));
    for (const { what, genuine, password, more } of rows) {
      for (const lasting of [[], ['--lasting']]) {
        it(`with ${what} ${lasting}`, async () => {
          const skim = SANITIZER ? ['--skim'] : [];
          const options = ['--fail-allocations', ...skim, ...more, ...lasting];
          const kdc = genuine ? realm : impostor;
          match(await harness({ kdc, input: password, options, user: 'rc4' }), /^used context: /m);
        });
      }
    }

    for (const lasting of [[], ['--lasting']]) {
      if (SANITIZER === 'tsan') continue;
      const memory = ['--fail-allocations', ...lasting];
      it(`with a token ${lasting}`, async () => {
        const input = await realm.token('alice', 'HTTP/localhost', { mutual: true });
        const options = [...memory, '--genuine'];
        match(await harness({ kdc: realm, input, options }), /^used context: /m);
      });
      it(`with a token that was changed ${lasting}`, async () => {
        const input = changed(await realm.token('alice', 'HTTP/localhost'));
        match(await harness({ kdc: realm, input, options: memory }), /^used context: /m);
      });
    }
  });
});
