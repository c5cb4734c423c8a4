// The class Acceptor: what it is told, what it tells, how it ends.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { copyFile, type FileHandle, open, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { type Acceptance, type AcceptEvent, Acceptor, type AcceptorOptions, Verifier } from 'kpass';
import { Realm } from 'kpass/testing';
import {
  Forge,
  KERBEROS,
  kerberosToken,
  MICROSOFT_KERBEROS,
  negotiateToken,
  sequence,
  typed,
} from '../support/forge';
import { initiate } from '../support/initiator';
import { keytabDirectory, keytabFrom } from '../support/services';
import { acceptorFor, acceptorOptionsFor, failureOf, optionsFor } from '../support/subject';

/** A channel, and another one, as the browser and kpass/http name it (RFC 5929, 4.1). */
const CHANNEL = Buffer.concat([Buffer.from('tls-server-end-point:'), Buffer.alloc(32, 1)]);
const ANOTHER = Buffer.concat([Buffer.from('tls-server-end-point:'), Buffer.alloc(32, 2)]);

/** The oldest that any waiting test here needs. */
const SOON = 50;

describe('an acceptor', function () {
  this.timeout(60_000);
  let realm: Realm;
  let forge: Forge;
  let events: AcceptEvent[];
  const note = (message: unknown) => events.push(message as AcceptEvent);

  before(async () => {
    const services = ['HTTP/localhost', 'HTTP/www.example.com', 'nfs/localhost'];
    realm = await Realm.start({ users: { alice: 'wonderland', bob: 'builder' }, services });
    forge = new Forge(realm, 'HTTP/localhost');
  });
  after(() => realm?.stop());
  beforeEach(() => {
    events = [];
    subscribe('kpass:accept', note);
  });
  afterEach(() => unsubscribe('kpass:accept', note));

  const ofAlice = (acceptance: Acceptance) => {
    assert(acceptance.accepted, JSON.stringify(acceptance));
    assert.equal(acceptance.principal, 'alice@EXAMPLE.COM');
    return acceptance;
  };

  describe("answers MIT's own client", () => {
    for (const form of ['spnego', 'kerberos'] as const) {
      it(`that asks for proof, in ${form}: it has the proof`, async () => {
        const acceptor = acceptorFor(realm);
        const end = await initiate(
          realm,
          'alice',
          async (token) => ofAlice(await acceptor.accept(token)).reply,
          { form },
        );
        assert.equal(end, 'complete');
      });

      it(`that asks for none, in ${form}: it is content`, async () => {
        const acceptor = acceptorFor(realm);
        const accept = async (token: Buffer) => {
          const { reply } = ofAlice(await acceptor.accept(token));
          assert.equal(reply === null, form === 'kerberos');
          return reply;
        };
        const end = await initiate(realm, 'alice', accept, { form, mutual: false });
        assert.equal(end, 'complete');
      });
    }

    it('whose proof was changed on its way: it does not believe it', async () => {
      const acceptor = acceptorFor(realm);
      const end = await initiate(realm, 'alice', async (token) => {
        const reply = Buffer.from(ofAlice(await acceptor.accept(token)).reply ?? []);
        reply.writeUInt8(reply.readUInt8(reply.length - 1) ^ 1, reply.length - 1);
        return reply;
      });
      assert.match(end, /^refused: /);
    });

    it('of a service with a key of another realm: no proof', async () => {
      const acceptor = acceptorFor(realm, {
        keytab: await realm.writeWrongKeytab('HTTP/localhost'),
      });
      const end = await initiate(realm, 'alice', async (token) => {
        assert.deepEqual(await acceptor.accept(token), { accepted: false, reason: 'ticket' });
        return null;
      });
      assert.equal(end, 'incomplete');
    });
  });

  describe('names in its answer the mechanism that was offered first', () => {
    const first = (reply: Uint8Array | null) => Buffer.from(reply ?? []).toString('hex');
    const rows: [string, string, RegExp][] = [
      ['of MIT', KERBEROS, /^a1143012a0030a0100a10b06092a864886f712010202$/],
      ['of Windows', MICROSOFT_KERBEROS, /^a1143012a0030a0100a10b06092a864882f712010202$/],
    ];
    for (const [what, mechanism, answer] of rows) {
      it(what, async () => {
        const others = [KERBEROS, MICROSOFT_KERBEROS];
        const token = negotiateToken([mechanism, ...others], forge.kerberos());
        assert.match(first(ofAlice(await acceptorFor(realm).accept(token)).reply), answer);
      });
    }
    it('and in a proof the one that the token was of', async () => {
      const token = kerberosToken(forge.apReq({ mutual: true }), MICROSOFT_KERBEROS);
      const { reply } = ofAlice(await acceptorFor(realm).accept(token));
      assert.match(first(reply), /^60..*06092a864882f71201020202006f/);
    });
    it('proves itself when the AP-REQ alone asks for it, or the checksum alone', async () => {
      for (const forgery of [{ options: 0x20000000 }, { mutual: true, options: 0 }]) {
        const { reply } = ofAlice(await acceptorFor(realm).accept(forge.kerberos(forgery)));
        assert.match(first(reply), /02006f/);
      }
    });
  });

  describe('that has channel bindings', () => {
    const knows = {
      authenticator: {
        // [MS-KILE] 3.2.5.8: KERB_AP_OPTIONS_CBT.
        authorizationData: sequence(typed(1, sequence(typed(143, Buffer.from([0, 0x40, 0, 0]))))),
      },
    };
    const otherOption = {
      authenticator: {
        authorizationData: sequence(typed(1, sequence(typed(143, Buffer.from([1, 0, 0, 0]))))),
      },
    };
    const clients = {
      'bound to the channel': { bindings: CHANNEL },
      'bound to another one': { bindings: ANOTHER },
      'bound to none': {},
      'bound to none, though it knows of bindings': knows,
      'with another option': otherOption,
    };
    const yes = 'accepted, and bound';
    const unbound = 'accepted';
    const no = 'refused';
    type Row = [keyof typeof clients, string, string, string, string];
    // What becomes of it with: 'off'; 'allow' and a channel; 'allow' and none known; 'require'.
    const rows: Row[] = [
      ['bound to the channel', unbound, yes, unbound, yes],
      ['bound to another one', unbound, no, unbound, no],
      ['bound to none', unbound, unbound, unbound, no],
      ['bound to none, though it knows of bindings', unbound, no, unbound, no],
      ['with another option', unbound, unbound, unbound, no],
    ];
    const says = (acceptance: Acceptance) => {
      if (acceptance.accepted) return acceptance.bound ? yes : unbound;
      assert.equal(acceptance.reason, 'bindings');
      return no;
    };
    for (const [client, off, allow, unknown, require] of rows) {
      it(`takes a client ${client} as its rule says`, async () => {
        const by = async (bindings: 'off' | 'allow' | 'require', channel: Buffer | null) => {
          const acceptor = acceptorFor(realm, { bindings });
          const token = forge.token(clients[client]);
          return says(await acceptor.accept(token, { bindings: channel }));
        };
        assert.equal(await by('off', CHANNEL), off);
        assert.equal(await by('allow', CHANNEL), allow);
        assert.equal(await by('allow', null), unknown);
        assert.equal(await by('require', CHANNEL), require);
        assert.equal(await by('require', null), no);
      });
    }

    it("knows those of MIT's own client", async () => {
      const acceptor = acceptorFor(realm);
      const ends: string[] = [];
      for (const bindings of [CHANNEL, ANOTHER]) {
        await initiate(
          realm,
          'alice',
          async (token) => {
            const acceptance = await acceptor.accept(token, { bindings: CHANNEL });
            ends.push(says(acceptance));
            return acceptance.accepted ? acceptance.reply : null;
          },
          { bindings },
        );
      }
      assert.deepEqual(ends, [yes, no]);
    });

    it("and those of the test realm's tokens", async () => {
      const token = await realm.token('alice', 'HTTP/localhost', { bindings: CHANNEL });
      assert.equal(says(await acceptorFor(realm).accept(token, { bindings: CHANNEL })), yes);
    });
  });

  describe('accepts tickets', () => {
    const from = async (options: Partial<AcceptorOptions>, service: string) => {
      const keytab = await realm.writeKeytab(
        'HTTP/localhost',
        'HTTP/www.example.com',
        'nfs/localhost',
      );
      const acceptor = acceptorFor(realm, { keytab, ...options });
      return (await acceptor.accept(await realm.token('alice', service))).accepted;
    };
    const rows: [string, Partial<AcceptorOptions>, boolean, boolean, boolean][] = [
      ['for its own host', {}, true, false, false],
      ['for its host in capitals', { host: 'LOCALHOST' }, true, false, false],
      ['for any host', { hosts: 'any' }, true, true, false],
      ['for two hosts', { hosts: ['localhost', 'WWW.example.com'] }, true, true, false],
      ['for another host than its own', { hosts: ['www.example.com'] }, false, true, false],
      ['for hosts without a key too', { hosts: ['nokey', 'www.example.com'] }, false, true, false],
    ];
    for (const [what, options, own, other, nfs] of rows) {
      it(what, async () => {
        assert.equal(await from(options, 'HTTP/localhost'), own);
        assert.equal(await from(options, 'HTTP/www.example.com'), other);
        assert.equal(await from(options, 'nfs/localhost'), nfs);
      });
    }

    it("for this machine's own host, where none is named", async () => {
      // The test realms' krb5.conf says dns_canonicalize_hostname = false: the name is as it is.
      const host = hostname().toLowerCase();
      await realm.addService(`HTTP/${host}`);
      const keytab = realm.keytab(`HTTP/${host}`);
      const acceptor = acceptorFor(realm, { host: null, keytab });
      ofAlice(await acceptor.accept(await realm.token('alice', `HTTP/${host}`)));
      ofAlice(await acceptor.accept(await realm.token('alice', `HTTP/${host}`)));
    });

    it('of a trusted realm only if it may log in', async () => {
      await using other = await Realm.start({
        name: 'OTHER.TEST',
        users: { carol: 'c' },
        services: [],
      });
      const config = await other.trust(realm);
      const token = () => other.token('carol', 'HTTP/localhost@EXAMPLE.COM', { config });
      const by = async (realms?: string[]) =>
        await acceptorFor(realm, { realms }).accept(await token());
      assert.deepEqual(await by(), { accepted: false, reason: 'client' });
      assert.deepEqual(await by(['EXAMPLE.COM']), { accepted: false, reason: 'client' });
      const acceptance = await by(['EXAMPLE.COM', 'OTHER.TEST']);
      assert(acceptance.accepted);
      assert.equal(acceptance.principal, 'carol@OTHER.TEST');
      assert.equal(acceptance.realm, 'OTHER.TEST');
    });

    it('of its own realm only if that may log in', async () => {
      const acceptor = acceptorFor(realm, { realms: ['OTHER.TEST'] });
      assert.deepEqual(await acceptor.accept(forge.token()), { accepted: false, reason: 'client' });
    });

    it('with no KDC at all', async () => {
      const token = await realm.token('alice', 'HTTP/localhost');
      await realm.stopKdc();
      try {
        ofAlice(await acceptorFor(realm).accept(token));
      } finally {
        await realm.startKdc();
      }
    });

    it('while all threads of a verifier wait for a silent KDC', async () => {
      const token = await realm.token('alice', 'HTTP/localhost');
      const verifier = new Verifier(optionsFor(realm));
      await realm.pause();
      try {
        const pending = Array.from({ length: 33 }, () =>
          verifier.verify('alice', 'wonderland').catch(() => {}),
        );
        while (verifier.stats.active < 32) await setTimeout(1);
        ofAlice(await acceptorFor(realm).accept(token));
        assert.equal(verifier.stats.active, 32);
        await realm.resume();
        await Promise.all(pending);
      } finally {
        await realm.resume();
        verifier.close();
      }
    });

    it('by a krb5.conf of its own, whatever KRB5_CONFIG names', async () => {
      const before = process.env.KRB5_CONFIG;
      process.env.KRB5_CONFIG = '/nonexistent/krb5.conf';
      try {
        ofAlice(await acceptorFor(realm).accept(forge.token()));
        const { config: _, ...options } = acceptorOptionsFor(realm);
        const acceptor = new Acceptor(options);
        assert.equal((await failureOf(acceptor.accept(forge.token()))).code, 'ERR_KPASS_CONFIG');
        process.env.KRB5_CONFIG = realm.config;
        ofAlice(await acceptor.accept(forge.token()));
      } finally {
        if (before === undefined) delete process.env.KRB5_CONFIG;
        else process.env.KRB5_CONFIG = before;
      }
    });

    it('with the clock skew that krb5.conf allows', async () => {
      const config = await realm.writeConfig({ more: '[libdefaults]\n  clockskew = 60\n' });
      const acceptor = acceptorFor(realm, { config });
      assert.deepEqual(await acceptor.accept(forge.token({ ahead: 120_000 })), {
        accepted: false,
        reason: 'clock',
      });
      ofAlice(await acceptor.accept(forge.token({ ahead: 30_000 })));
    });
  });

  describe("rejects for what is the operator's", () => {
    const rows: [string, () => Promise<Partial<AcceptorOptions>>, string, RegExp][] = [
      [
        'a keytab that is missing',
        async () => ({ keytab: '/nonexistent/keytab' }),
        'ERR_KPASS_KEYTAB',
        /nonexistent/,
      ],
      [
        'a keytab that is a folder',
        async () => ({ keytab: await keytabDirectory(realm) }),
        'ERR_KPASS_KEYTAB',
        /HTTP\/localhost/,
      ],
      [
        'an empty keytab',
        async () => ({ keytab: await keytabFrom(realm, '') }),
        'ERR_KPASS_KEYTAB',
        /HTTP\/localhost/,
      ],
      [
        'a keytab of garbage',
        async () => ({ keytab: await keytabFrom(realm, 'garbage') }),
        'ERR_KPASS_KEYTAB',
        /HTTP\/localhost/,
      ],
      [
        'a keytab without the service',
        async () => ({ keytab: realm.keytab('nfs/localhost') }),
        'ERR_KPASS_KEYTAB',
        /HTTP\/localhost@EXAMPLE.COM/,
      ],
      [
        'a keytab with none of its hosts',
        async () => ({ hosts: ['a', 'b'] }),
        'ERR_KPASS_KEYTAB',
        /HTTP\/b@EXAMPLE.COM/,
      ],
      [
        'a keytab without any host of the service',
        async () => ({ keytab: realm.keytab('nfs/localhost'), hosts: 'any' }),
        'ERR_KPASS_KEYTAB',
        /HTTP\//,
      ],
      [
        'a keytab that is missing, with any host',
        async () => ({ keytab: '/nonexistent/keytab', hosts: 'any' }),
        'ERR_KPASS_KEYTAB',
        /nonexistent/,
      ],
      [
        'a keytab of an unknown type',
        async () => ({ keytab: 'NONE:x' }),
        'ERR_KPASS_CONFIG',
        /NONE:x/,
      ],
      [
        'a krb5.conf that is missing',
        async () => ({ config: '/nonexistent/krb5.conf' }),
        'ERR_KPASS_CONFIG',
        /nonexistent/,
      ],
      [
        'a krb5.conf that is broken',
        async () => ({ config: await realm.writeConfig({ more: '[libdefaults\n' }) }),
        'ERR_KPASS_CONFIG',
        /krb5.conf|conf/,
      ],
      [
        'a service that is no name',
        async () => ({ service: 'HTTP/a' }),
        'ERR_KPASS_CONFIG',
        /HTTP\/a/,
      ],
    ];
    for (const [what, options, code, message] of rows) {
      it(`${what}: ${code}`, async () => {
        const acceptor = acceptorFor(realm, await options());
        for (const token of [forge.token(), Buffer.from('junk')]) {
          const error = await failureOf(acceptor.accept(token));
          assert.equal(error.code, code);
          assert.match(error.message, message);
        }
        assert.deepEqual(acceptor.stats.failed, 2);
        assert.equal(events[0]?.outcome, 'failed');
        assert.equal(events[0]?.code, code);
      });
    }

    it('a keytab that goes away, until it is there again', async () => {
      const keytab = await realm.writeKeytab('HTTP/localhost');
      const acceptor = acceptorFor(realm, { keytab });
      ofAlice(await acceptor.accept(forge.token()));
      await rm(keytab);
      assert.equal((await failureOf(acceptor.accept(forge.token()))).code, 'ERR_KPASS_KEYTAB');
      await copyFile(realm.keytab('HTTP/localhost'), keytab);
      ofAlice(await acceptor.accept(forge.token()));
    });
  });

  describe('tells of a keytab', () => {
    it('that is behind the KDC, with the versions of the keys', async () => {
      await realm.addService('HTTP/stale');
      await realm.rotateKey('HTTP/stale');
      const acceptor = acceptorFor(realm, {
        host: 'stale',
        keytab: realm.keytab('HTTP/stale'),
      });
      const token = await realm.token('alice', 'HTTP/stale');
      assert.deepEqual(await acceptor.accept(token), { accepted: false, reason: 'ticket' });
      assert.equal(events[0]?.krb5Name, 'KRB5KRB_AP_ERR_BADKEYVER');
      assert.match(events[0]?.message ?? '', /HTTP\/stale@EXAMPLE.COM kvno 2/);
    });

    it('in which the key was replaced: tickets of before and of now are accepted', async () => {
      await realm.addService('HTTP/rotated');
      const keytab = realm.keytab('HTTP/rotated');
      const acceptor = acceptorFor(realm, { host: 'rotated', keytab });
      const before = await realm.token('alice', 'HTTP/rotated');
      await realm.rotateKeytab('HTTP/rotated');
      ofAlice(await acceptor.accept(before));
      ofAlice(await acceptor.accept(await realm.token('alice', 'HTTP/rotated')));
    });
  });

  it('tells each end on its channel', async () => {
    const acceptor = acceptorFor(realm);
    const token = forge.token();
    await acceptor.accept(token);
    await acceptor.accept(token);
    await acceptor.accept(forge.token({ ahead: 3_600_000 }));
    await acceptor.accept(Buffer.from('al\nice'));
    const aborted = AbortSignal.abort(new Error('enough'));
    await assert.rejects(acceptor.accept(token, { signal: aborted }), /enough/);
    acceptor.close();
    await failureOf(acceptor.accept(token));
    const common = { service: 'HTTP', host: 'localhost' };
    for (const { duration } of events) assert(duration >= 0 && duration < 10_000);
    assert.deepEqual(
      events.map(({ duration: _, message: __, ...event }) => event),
      [
        { ...common, outcome: 'accepted', step: 'krb5_rd_req', principal: 'alice@EXAMPLE.COM' },
        { ...common, outcome: 'refused', step: 'replay', reason: 'replay' },
        {
          ...common,
          outcome: 'refused',
          step: 'krb5_rd_req',
          reason: 'clock',
          krb5Name: 'KRB5KRB_AP_ERR_SKEW',
        },
        { ...common, outcome: 'refused', step: 'token', reason: 'malformed' },
        { ...common, outcome: 'aborted', step: 'abort' },
      ],
    );
    assert.match(events[2]?.message ?? '', /[Cc]lock skew/);
  });

  it('says what libkrb5 does, where that is asked for', async () => {
    const lines: string[] = [];
    const acceptor = acceptorFor(realm, { trace: (line) => lines.push(line) });
    await acceptor.accept(forge.token());
    await new Promise(process.nextTick);
    assert(
      lines.some((line) => /decrypted AP-REQ|AP-REQ ticket/i.test(line)),
      lines.join('\n'),
    );
  });

  it('counts what became of the tokens', async () => {
    const acceptor = acceptorFor(realm);
    assert.deepEqual(acceptor.stats, {
      threads: 0,
      active: 0,
      queued: 0,
      accepted: 0,
      refused: 0,
      failed: 0,
    });
    await acceptor.accept(forge.token());
    await acceptor.accept(forge.token());
    await acceptor.accept(Buffer.alloc(3));
    await assert.rejects(acceptor.accept('x' as unknown as Buffer), TypeError);
    const { accepted, refused, failed, active, queued } = acceptor.stats;
    assert.deepEqual([accepted, refused, failed, active, queued], [2, 1, 1, 0, 0]);
    acceptor.close();
  });

  describe('that waits for its keytab', () => {
    // A FIFO: its readers wait for as long as somebody has it open to write.
    let fifo: string;
    let writer: FileHandle;
    beforeEach(async () => {
      fifo = join(realm.folder, `fifo-${process.hrtime.bigint()}`);
      execFileSync('mkfifo', [fifo]);
      writer = await open(fifo, 'r+');
    });
    afterEach(() => writer.close());

    it('rejects at its deadline: ERR_KPASS_TIMEOUT', async () => {
      const acceptor = acceptorFor(realm, { keytab: fifo });
      const error = await failureOf(acceptor.accept(forge.token(), { timeout: SOON }));
      assert.equal(error.code, 'ERR_KPASS_TIMEOUT');
      assert.match(error.message, /after 50 ms: .*HTTP/);
      assert.equal(error.temporary, true);
    });

    it("rejects with the signal's reason when it is aborted", async () => {
      const acceptor = acceptorFor(realm, { keytab: fifo });
      const controller = new AbortController();
      const { signal } = controller;
      const both = [1, 2].map(() => acceptor.accept(forge.token(), { signal }));
      const ends = Promise.allSettled(both);
      controller.abort(new Error('enough'));
      for (const end of await ends) {
        assert.equal(end.status, 'rejected');
        assert.equal((end as PromiseRejectedResult).reason.message, 'enough');
      }
      assert.equal(acceptor.stats.failed, 2);
    });

    it('rejects when too many wait: ERR_KPASS_BUSY', async () => {
      const acceptor = acceptorFor(realm, { keytab: fifo });
      const controller = new AbortController();
      const { signal } = controller;
      const token = forge.token();
      const waiting = Array.from({ length: 1026 }, () => acceptor.accept(token, { signal }));
      const ends = Promise.allSettled(waiting);
      const error = await failureOf(acceptor.accept(token));
      assert.equal(error.code, 'ERR_KPASS_BUSY');
      controller.abort();
      await ends;
    });

    it('settles what is pending when it is closed, and rejects what comes: ERR_KPASS_CLOSED', async () => {
      const acceptor = acceptorFor(realm, { keytab: fifo });
      const pending = acceptor.accept(forge.token(), { timeout: SOON });
      acceptor.close();
      assert.equal((await failureOf(acceptor.accept(forge.token()))).code, 'ERR_KPASS_CLOSED');
      assert.equal((await failureOf(pending)).code, 'ERR_KPASS_TIMEOUT');
    });
  });

  describe('throws a TypeError', () => {
    const options: [string, object][] = [
      ['for no service', { service: undefined }],
      ['for an empty host', { host: '' }],
      ['for a host with NUL', { host: 'a\0b' }],
      ['for no hosts', { hosts: [] }],
      ['for hosts that are a text', { hosts: 'localhost' }],
      ['for an empty host among them', { hosts: ['a', ''] }],
      ['for hosts that are no texts', { hosts: [1] }],
      ['for unknown bindings', { bindings: 'maybe' }],
      ['for bindings that are no text', { bindings: true }],
      ['for a replay that is no boolean', { replay: 1 }],
      ['for realms that are no list', { realms: 'EXAMPLE.COM' }],
      ['for a trace that is no function', { trace: 'x' }],
    ];
    for (const [what, more] of options) {
      it(what, () => {
        assert.throws(() => acceptorFor(realm, more), {
          name: 'TypeError',
          code: /^ERR_INVALID_ARG_(TYPE|VALUE)$/,
        });
      });
    }

    const calls: [string, unknown, object | undefined][] = [
      ['for a token that is a text', 'YII…', undefined],
      ['for a token that is none', undefined, undefined],
      ['for a token that is an ArrayBuffer', new ArrayBuffer(3), undefined],
      ['for bindings that are a text', Buffer.alloc(1), { bindings: 'tls-server-end-point:' }],
      ['for a signal that is none', Buffer.alloc(1), { signal: {} }],
      ['for a timeout of 0', Buffer.alloc(1), { timeout: 0 }],
    ];
    for (const [what, token, more] of calls) {
      it(what, async () => {
        const call = acceptorFor(realm).accept(token as Uint8Array, more);
        await assert.rejects(call, {
          name: 'TypeError',
          code: /^ERR_INVALID_ARG_(TYPE|VALUE)$/,
        });
      });
    }
  });

  it('has read the token when it returns', async () => {
    const acceptor = acceptorFor(realm);
    const token = forge.token();
    const pending = acceptor.accept(token);
    token.fill(0);
    ofAlice(await pending);
  });
});
