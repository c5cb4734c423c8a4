// Armor (FAST): users' logins under a ticket that the service gets with its keytab.

import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Verifier, VerifyEvent } from 'kpass';
import { Realm } from 'kpass/testing';
import {
  isArmored,
  isFrom,
  PA_ENC_TIMESTAMP,
  padataTypes,
  unarmoredOf,
  withErrorNumber,
} from '../support/armor';
import { type Fault, FaultProxy, type Request } from '../support/fault-proxy';
import { errorCode, replyType } from '../support/messages';
import { demandInError, PREAUTH_REQUIRED } from '../support/padata';
import { failureOf, kpassIn, SERVICE, verifierFor } from '../support/subject';

const VERIFIED = { verified: true, principal: 'alice@EXAMPLE.COM', realm: 'EXAMPLE.COM' };
const AES256_SHA1 = 18;
const MOST = 2 ** 24 - 1;
const GENERIC = 60;

const TRANSPORTS = ['kpass', 'libkrb5'] as const;

/** Numbers from 0 to 1, the same for each seed (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A copy with one to three other bytes. */
function changed(reply: Buffer, random: () => number): Buffer {
  const copy = Buffer.from(reply);
  for (let n = 1 + Math.floor(random() * 3); n > 0; n--) {
    copy[Math.floor(random() * copy.length)] = Math.floor(random() * 256);
  }
  return copy;
}

describe('logins under armor', () => {
  let realm: Realm;
  let proxy: FaultProxy;
  before(async () => {
    realm = await Realm.start({
      users: {
        alice: { password: 'wonderland', lockout: 50 },
        bob: { password: 'builder', preauth: false },
        disabled: { password: 'right', state: 'disabled' },
        'must-change': { password: 'right', state: 'must-change' },
        expired: { password: 'right', state: 'expired' },
      },
    });
    proxy = await FaultProxy.start(realm);
  });
  after(async () => {
    await proxy?.stop();
    await realm?.stop();
  });

  let verifiers: Verifier[] = [];
  afterEach(async () => {
    for (const verifier of verifiers) verifier.close();
    verifiers = [];
    await proxy.use('pass');
    proxy.reset();
    await realm.unlock('alice');
  });
  function verifier(more: Parameters<typeof verifierFor>[1] = {}): Verifier {
    const made = verifierFor(realm, { config: proxy.config, fast: 'require', ...more });
    verifiers.push(made);
    return made;
  }

  for (const transport of TRANSPORTS) {
    for (const canonicalize of [false, true]) {
      const how = `${transport}${canonicalize ? ', canonicalized' : ''}`;

      it(`are verified, in two exchanges that show no proof (${how})`, async () => {
        const subject = verifier({ transport, canonicalize });
        deepEqual(await subject.verify('alice', 'wonderland'), VERIFIED);
        proxy.reset();
        deepEqual(await subject.verify('alice', 'wonderland'), VERIFIED);
        equal(proxy.requests['AS-REQ'], 2);
        for (const { type, bytes } of proxy.log) {
          if (type !== 'AS-REQ') continue;
          ok(isArmored(bytes) && !padataTypes(bytes).includes(PA_ENC_TIMESTAMP));
        }
      });

      for (const [user, password, reason] of [
        ['nobody', 'wonderland', 'credentials'],
        ['disabled', 'right', 'disabled'],
        ['must-change', 'right', 'expired'],
        ['expired', 'right', 'disabled'],
        ['bob', 'wrong', 'credentials'],
      ] as const) {
        it(`deny ${user} with '${password}': ${reason} (${how})`, async () => {
          deepEqual(await verifier({ transport, canonicalize }).verify(user, password), {
            verified: false,
            reason,
          });
        });
      }

      it(`count a wrong password once (${how})`, async () => {
        deepEqual(await verifier({ transport, canonicalize }).verify('alice', 'wrong'), {
          verified: false,
          reason: 'credentials',
        });
        equal(await realm.failedCount('alice'), 1);
      });
    }
  }

  it('verify a user without preauthentication', async () => {
    equal((await verifier().verify('bob', 'builder')).verified, true);
  });

  it('are what stats and the channel say', async () => {
    const events: boolean[] = [];
    const note = ({ armored }: VerifyEvent) => events.push(armored);
    subscribe('kpass:verify', note);
    try {
      const [armored, bare] = [verifier(), verifier({ fast: 'never' })];
      for (const each of [armored, bare]) {
        await each.verify('alice', 'wonderland');
        await each.verify('alice', 'wrong');
      }
      equal(armored.stats.armored, 2);
      equal(bare.stats.armored, 0);
      deepEqual(events, [true, true, false, false]);
    } finally {
      unsubscribe('kpass:verify', note);
    }
  });

  it('need a user of the service’s realm', async () => {
    const realms = ['EXAMPLE.COM', 'OTHER.EXAMPLE'];
    const { code, step } = await failureOf(verifier({ realms }).verify('x@OTHER.EXAMPLE', 'y'));
    deepEqual([code, step], ['ERR_KPASS_CONFIG', 'armor']);
    deepEqual(proxy.log, []);
  });

  describe('with a forged reply', () => {
    /** Answers this client's requests, from the nth on, in the KDC's place. */
    function forging(fault: Fault, from = 1) {
      let seen = 0;
      return (request: Request): Fault => {
        if (!isFrom('alice', request)) return 'pass';
        if (request.again === 0) seen++;
        return seen >= from ? fault : 'pass';
      };
    }

    /** No verdict, no count, and nothing of the user's without armor. */
    async function fails(subject: Verifier, fault: Fault, from = 1) {
      await proxy.use('pass');
      deepEqual(await subject.verify('alice', 'wonderland'), VERIFIED);
      proxy.reset();
      await proxy.use(forging(fault, from));
      const { code } = await failureOf(subject.verify('alice', 'wonderland'));
      equal(code, 'ERR_KPASS_KDC');
      deepEqual(unarmoredOf('alice', proxy.log), []);
      equal(await realm.failedCount('alice'), 0);
    }

    for (const transport of TRANSPORTS) {
      for (const error of [1, 6, 12, 18, 23, 24, 25, 37, 52, 60, 68]) {
        it(`of error ${error} have no verdict (${transport})`, async () => {
          await fails(verifier({ transport }), { error });
        });

        it(`of error ${error} to the proof have no verdict (${transport})`, async () => {
          await fails(verifier({ transport }), { error }, 2);
        });
      }

      it(`that asks for a timestamp and millions of iterations have no verdict (${transport})`, async () => {
        const subject = verifier({ transport });
        await subject.verify('alice', 'wonderland');
        const reply = (genuine: Buffer) =>
          replyType(genuine) === 'KRB-ERROR'
            ? demandInError(withErrorNumber(genuine, PREAUTH_REQUIRED), {
                etypes: [AES256_SHA1],
                iterations: MOST,
              })
            : genuine;
        await fails(subject, { reply });
      });

      it(`of another login without armor have no verdict (${transport})`, async () => {
        const replies: Buffer[] = [];
        await proxy.use({
          reply: (reply) => {
            replies.push(reply);
            return reply;
          },
        });
        await verifier({ fast: 'never' }).verify('alice', 'wonderland');
        const bare = replies.find((reply) => replyType(reply) === 'AS-REP');
        ok(bare);
        await fails(verifier({ transport }), { reply: () => bare });
      });

      for (const [user, password] of [
        ['alice', 'wonderland'],
        ['bob', 'builder'],
      ] as const) {
        it(`that is ${user}'s ticket under another armor have no verdict (${transport})`, async () => {
          const subject = verifier({ transport });
          await subject.verify(user, password);
          const replies: Buffer[] = [];
          const reply = (genuine: Buffer) => {
            replies.push(genuine);
            return genuine;
          };
          await proxy.use({ reply });
          await subject.verify(user, password);
          const ticket = replies.find((each) => replyType(each) === 'AS-REP');
          ok(ticket);
          await proxy.use({
            reply: (genuine) => (replyType(genuine) === 'AS-REP' ? ticket : genuine),
          });
          const { code } = await failureOf(subject.verify(user, password));
          equal(code, 'ERR_KPASS_KDC');
        });
      }

      for (const error of [1, 6, 12, 18, 23, 24]) {
        it(`of error ${error} to the request for the service's ticket have no verdict (${transport})`, async () => {
          const subject = verifier({ transport, canonicalize: true });
          await proxy.use(({ type }) => (type === 'TGS-REQ' ? { error } : 'pass'));
          const { code } = await failureOf(subject.verify('alice', 'wonderland'));
          equal(code, 'ERR_KPASS_KDC');
        });
      }

      // An armored error has two numbers. Only the inner one is the KDC's word.
      for (const error of [1, 6, 18, 23, 24, 68]) {
        it(`that says ${error} outside of an armored error have no verdict (${transport})`, async () => {
          const subject = verifier({ transport });
          await subject.verify('alice', 'wonderland');
          await proxy.use({
            reply: (reply) =>
              errorCode(reply) === PREAUTH_REQUIRED && isArmored(reply)
                ? withErrorNumber(reply, error)
                : reply,
          });
          const end = await subject.verify('alice', 'wonderland').catch(({ code }) => code);
          // The number is a hint for kpass to stop. It never decides.
          if (end !== 'ERR_KPASS_KDC') deepEqual(end, VERIFIED);
          equal(await realm.failedCount('alice'), 0);
        });
      }

      it(`that hides a wrong password have a verdict (${transport})`, async () => {
        const subject = verifier({ transport });
        await subject.verify('alice', 'wonderland');
        await proxy.use({
          reply: (reply) =>
            errorCode(reply) === 24 && isArmored(reply) ? withErrorNumber(reply, GENERIC) : reply,
        });
        deepEqual(await subject.verify('alice', 'wrong'), {
          verified: false,
          reason: 'credentials',
        });
      });
    }
  });

  it('send the proof to one KDC, even if that becomes silent', async () => {
    await using second = await FaultProxy.start(realm);
    const kdcs = [proxy, second].map(({ port }) => `127.0.0.1:${port}`);
    const config = await realm.writeConfig({ kdcs });
    const subject = verifier({ config, timeout: 4_000 });
    deepEqual(await subject.verify('alice', 'wonderland'), VERIFIED);
    for (const each of [proxy, second]) each.reset();
    const answered = (request: Request) =>
      isFrom('alice', request) && request.n > 1 ? 'silent' : 'pass';
    for (const each of [proxy, second]) await each.use(answered);
    const { code } = await failureOf(subject.verify('alice', 'wrong'));
    equal(code, 'ERR_KPASS_TIMEOUT');
    const asked = [proxy, second].map((each) => each.log.length > 1);
    deepEqual(asked, [true, false]);
  });

  for (const transport of TRANSPORTS) {
    for (const fault of ['garbage', 'truncated', 'swapped', 'duplicate', { delay: 100 }] as const) {
      it(`are verified, or have no verdict, with replies ${JSON.stringify(fault)} (${transport})`, async () => {
        const subject = verifier({ transport, timeout: 3_000 });
        await subject.verify('alice', 'wonderland');
        await subject.verify('alice', 'wonderland');
        for (const from of [1, 2]) {
          let seen = 0;
          await proxy.use((request) => {
            if (!isFrom('alice', request)) return 'pass';
            if (request.again === 0) seen++;
            return seen >= from ? fault : 'pass';
          });
          const end = await subject.verify('alice', 'wonderland').catch(({ code }) => code);
          if (typeof end === 'string') match(end, /^ERR_KPASS_(KDC|TIMEOUT)$/);
          else deepEqual(end, VERIFIED);
        }
        equal(await realm.failedCount('alice'), 0);
      });
    }
  }

  it('have the KDC’s own word for what is wrong with the service', async () => {
    const other = 'HTTP/other';
    await realm.addService(other);
    await realm.kadmin('modprinc', '-allow_svr', other);
    const codes = ['never', 'require'] as const;
    const [bare, armored] = await Promise.all(
      codes.map((fast) =>
        failureOf(
          verifier({
            fast,
            canonicalize: true,
            host: 'other',
            keytab: realm.keytab(other),
          }).verify('alice', 'wonderland'),
        ),
      ),
    );
    equal(bare?.code, 'ERR_KPASS_CONFIG');
    deepEqual([armored?.code, armored?.krb5Name], [bare?.code, bare?.krb5Name]);
  });

  it('are never denied, whichever bytes of the replies are changed', async function () {
    this.timeout(60_000);
    const subject = verifier({ timeout: 5_000 });
    await subject.verify('alice', 'wonderland');
    const codes = new Set<string>();
    for (let seed = 0; seed < 300; seed++) {
      const random = randomOf(seed);
      await proxy.use((request) =>
        isFrom('alice', request) && random() < 0.7
          ? { reply: (it) => changed(it, random) }
          : 'pass',
      );
      const end = await subject.verify('alice', 'wonderland').catch(({ code }) => String(code));
      if (typeof end === 'string') codes.add(end);
      else deepEqual(end, VERIFIED, `seed ${seed}`);
    }
    for (const code of codes) match(code, /^ERR_KPASS_(KDC|TIMEOUT)$/);
    equal(await realm.failedCount('alice'), 0);
  });

  it('are verified again right after forged errors', async () => {
    const subject = verifier();
    await proxy.use((request) => (isFrom('alice', request) ? { error: 18 } : 'pass'));
    await failureOf(subject.verify('alice', 'wonderland'));
    await proxy.use('pass');
    deepEqual(await subject.verify('alice', 'wonderland'), VERIFIED);
  });

  it('are true in kpass() for any name that the KDC says is the account’s', async () => {
    const more = { service: 'HTTP', canonicalize: true, fast: 'require' } as const;
    equal(await kpassIn(realm, 'alice', 'wonderland', more), true);
    equal(await kpassIn(realm, 'alice', 'wrong', more), false);
  });

  describe('that an impostor answers', () => {
    it('show it nothing that holds the password', async () => {
      await using impostor = await realm.impostor({ users: { alice: 'hijacked' } });
      await using between = await FaultProxy.start(impostor);
      const { code } = await failureOf(
        verifier({ config: between.config }).verify('alice', 'hijacked'),
      );
      match(code, /^ERR_KPASS_(CONFIG|KDC)$/);
      ok(between.log.length > 0);
      deepEqual(
        between.log.filter((request) => isFrom('alice', request)),
        [],
      );
    });

    it('show it only armored requests, once the service has armor', async () => {
      await using impostor = await realm.impostor({ users: { alice: 'hijacked' } });
      await using between = await FaultProxy.start(realm);
      const subject = verifier({ config: between.config });
      deepEqual(await subject.verify('alice', 'wonderland'), VERIFIED);
      between.reset();
      between.lead(impostor);
      const { code } = await failureOf(subject.verify('alice', 'hijacked'));
      match(code, /^ERR_KPASS_(CONFIG|KDC)$/);
      ok(between.log.some((request) => isFrom('alice', request)));
      deepEqual(unarmoredOf('alice', between.log), []);
    });
  });

  it('of a forged error to the service are refused, and not without armor', async () => {
    await using between = await FaultProxy.start(realm);
    await between.use((request) => (isFrom(SERVICE, request) ? { error: 6 } : 'pass'));
    const { code } = await failureOf(
      verifier({ config: between.config }).verify('alice', 'wonderland'),
    );
    equal(code, 'ERR_KPASS_CONFIG');
    deepEqual(
      between.log.filter((request) => isFrom('alice', request)),
      [],
    );
  });
});
