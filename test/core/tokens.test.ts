// What is accepted of what strangers send, and what is refused, by its reason.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { Acceptance, Acceptor, RefusalReason } from 'kpass';
import { Realm } from 'kpass/testing';
import {
  bits,
  contextChecksum,
  element,
  encodeName,
  enumerated,
  FLAGS,
  Forge,
  type Forgery,
  generalString,
  integer,
  KERBEROS,
  kerberosToken,
  MICROSOFT_KERBEROS,
  negotiateToken,
  octets,
  oid,
  SPNEGO,
  sequence,
  tagged,
  typed,
} from '../support/forge';
import { acceptorFor } from '../support/subject';

const NTLM = '1.3.6.1.4.1.311.2.2.10';
const NEGOEX = '1.3.6.1.4.1.311.2.2.30';
const OLD_KERBEROS = '1.3.5.1.5.2';
const IAKERB = '1.3.6.1.5.2.5';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

const ALICE = { accepted: true, principal: 'alice@EXAMPLE.COM', realm: 'EXAMPLE.COM' };

describe('tokens', function () {
  this.timeout(60_000);
  let realm: Realm;
  let forge: Forge;
  let acceptor: Acceptor;

  before(async () => {
    const services = ['HTTP/localhost', 'HTTP/other', 'nfs/localhost'];
    realm = await Realm.start({ users: { alice: 'wonderland', bob: 'builder' }, services });
    forge = new Forge(realm, 'HTTP/localhost');
    // With the keys of all three, of which only the first is its own.
    acceptor = acceptorFor(realm, { keytab: await realm.writeKeytab(...services) });
  });
  after(async () => {
    acceptor?.close();
    await realm?.stop();
  });

  const isAlice = ({ ...acceptance }: Acceptance) => {
    const { accepted, principal, realm } = acceptance as typeof ALICE;
    assert.deepEqual({ accepted, principal, realm }, ALICE, JSON.stringify(acceptance));
  };
  const isRefused = (acceptance: Acceptance, reason: RefusalReason) =>
    assert.deepEqual(acceptance, { accepted: false, reason });

  describe('that are genuine are accepted', () => {
    it('in SPNEGO', async () => {
      isAlice(await acceptor.accept(await realm.token('alice', 'HTTP/localhost')));
    });
    it('as Kerberos alone', async () => {
      const token = await realm.token('alice', 'HTTP/localhost', { form: 'kerberos' });
      isAlice(await acceptor.accept(token));
    });
    for (const enctype of [
      'aes128-cts-hmac-sha1-96',
      'aes128-cts-hmac-sha256-128',
      'aes256-cts-hmac-sha384-192',
    ]) {
      it(`with keys of ${enctype}`, async () => {
        await using other = await Realm.start({ users: { alice: 'a' }, enctypes: [enctype] });
        const token = await other.token('alice', 'HTTP/localhost');
        isAlice(await acceptorFor(other).accept(token));
      });
    }
  });

  describe('that are no tokens', () => {
    const inner = () => forge.kerberos();
    const init = (...fields: Buffer[]) =>
      element(0x60, oid(SPNEGO), tagged(0, sequence(...fields)));
    const list = (...mechanisms: string[]) => tagged(0, sequence(...mechanisms.map(oid)));
    const token = () => tagged(2, octets(inner()));
    /** The first element's length in other bytes. */
    const withLength = (bytes: Buffer, length: number[]) =>
      Buffer.concat([bytes.subarray(0, 1), Buffer.from(length), bytes.subarray(4)]);
    const three = [0, 1, 2];

    const rows: [string, RefusalReason, () => Buffer][] = [
      ['nothing', 'malformed', () => Buffer.alloc(0)],
      ['one byte', 'malformed', () => Buffer.from([0x60])],
      ['a length of 2 GB', 'malformed', () => Buffer.from([0x60, 0x84, 0x7f, 0xff, 0xff, 0xff])],
      ['random bytes', 'malformed', () => randomBytes(500)],
      ['text', 'malformed', () => Buffer.from('alice:wonderland')],
      ['an AP-REQ without GSS-API', 'malformed', () => forge.apReq()],
      [
        "an answer of SPNEGO's",
        'malformed',
        () => tagged(1, sequence(tagged(0, enumerated(0)), tagged(1, oid(KERBEROS)), token())),
      ],
      ['4 GB long', 'malformed', () => withLength(forge.token(), [0x84, 255, 255, 255, 255])],
      ['of indefinite length', 'malformed', () => withLength(forge.token(), [0x80])],
      [
        'of a length in too many bytes',
        'malformed',
        () => withLength(forge.token(), [0x83, 0, ...forge.token().subarray(2, 4)]),
      ],
      [
        'with a Kerberos token 4 GB long',
        'malformed',
        () => init(list(KERBEROS), tagged(2, Buffer.from([4, 0x84, 255, 255, 255, 255, 1]))),
      ],
      ['with bytes behind it', 'malformed', () => Buffer.concat([forge.token(), Buffer.from([0])])],
      [
        'with a second AP-REQ behind the first',
        'malformed',
        () => kerberosToken(Buffer.concat([forge.apReq(), forge.apReq()])),
      ],
      ['without a list of mechanisms', 'malformed', () => init(token())],
      ['with an empty list', 'mechanism', () => init(list(), token())],
      [
        'with 33 mechanisms',
        'malformed',
        () => init(list(...Array<string>(33).fill(KERBEROS)), token()),
      ],
      [
        'with 1,000 mechanisms',
        'malformed',
        () => init(list(...Array<string>(1000).fill(KERBEROS)), token()),
      ],
      [
        'with a mechanism that is no OID',
        'malformed',
        () => init(tagged(0, sequence(oid(KERBEROS), octets(Buffer.from('x')))), token()),
      ],
      ['with its fields in another order', 'malformed', () => init(token(), list(KERBEROS))],
      ['with a field twice', 'malformed', () => init(list(KERBEROS), token(), token())],
      [
        'with a field that nobody knows',
        'malformed',
        () => init(list(KERBEROS), token(), tagged(4, octets(Buffer.from('x')))),
      ],
      [
        'with an AP-REP in it',
        'malformed',
        () => {
          const changed = inner();
          changed.writeUInt8(2, changed.indexOf(Buffer.from([1, 0, 0x6e])));
          return negotiateToken([KERBEROS], changed);
        },
      ],
      ['with random bytes in it', 'malformed', () => negotiateToken([KERBEROS], randomBytes(300))],
      ['without a token in it', 'mechanism', () => init(list(KERBEROS, NTLM))],
      [
        'longer than 128 kB',
        'malformed',
        () => negotiateToken([KERBEROS], kerberosToken(randomBytes(128 * 1024))),
      ],
      ['NTLM', 'mechanism', () => Buffer.from('NTLMSSP\0\x01\0\0\0\x97\x82\x08\xe2', 'latin1')],
      ['NTLM in SPNEGO', 'mechanism', () => init(list(NTLM), token())],
      ['NTLM before Kerberos', 'mechanism', () => init(list(NTLM, KERBEROS), token())],
      ['NegoEx and NTLM', 'mechanism', () => init(list(NEGOEX, NTLM), token())],
      ['NegoEx before Kerberos', 'mechanism', () => init(list(NEGOEX, KERBEROS), token())],
      ["Kerberos' old OID", 'mechanism', () => init(list(OLD_KERBEROS), token())],
      ['IAKERB', 'mechanism', () => negotiateToken([IAKERB], kerberosToken(forge.apReq(), IAKERB))],
      ['IAKERB without SPNEGO', 'mechanism', () => kerberosToken(forge.apReq(), IAKERB)],
      [
        'IAKERB under the name of Kerberos',
        'mechanism',
        () => negotiateToken([KERBEROS], kerberosToken(forge.apReq(), IAKERB)),
      ],
      ['SPNEGO in SPNEGO', 'mechanism', () => negotiateToken([SPNEGO], forge.token())],
    ];
    for (const [what, reason, make] of rows) {
      it(`${what}: ${reason}`, async () => isRefused(await acceptor.accept(make()), reason));
    }

    const unusual: [string, () => Buffer][] = [
      ["Windows' OID for Kerberos first", () => negotiateToken([MICROSOFT_KERBEROS], inner())],
      ["Windows' OID before the AP-REQ", () => kerberosToken(forge.apReq(), MICROSOFT_KERBEROS)],
      ['32 mechanisms', () => init(list(KERBEROS, ...Array<string>(31).fill(NTLM)), token())],
      ['flags', () => init(list(KERBEROS), tagged(1, element(3, Buffer.from([1, 6]))), token())],
      [
        'a code over the mechanisms that is none',
        () => init(list(KERBEROS), token(), tagged(3, octets(randomBytes(20)))),
      ],
      ['hints in place of the code', () => init(list(KERBEROS), token(), tagged(3, sequence()))],
    ];
    for (const [what, make] of unusual) {
      it(`but accepted with ${what}`, async () => isAlice(await acceptor.accept(make())));
    }

    it('cut anywhere: malformed', async () => {
      for (const token of [forge.token(), forge.kerberos()]) {
        for (let end = 0; end < token.length; end++) {
          isRefused(await acceptor.accept(token.subarray(0, end)), 'malformed');
        }
      }
    });

    it('with an element cut in the middle: never accepted', async () => {
      const token = forge.token();
      for (let at = 0; at < token.length; at++) {
        for (const count of three) {
          const cut = Buffer.concat([token.subarray(0, at), token.subarray(at + count + 1)]);
          assert.equal((await acceptor.accept(cut)).accepted, false, `${count + 1} bytes at ${at}`);
        }
      }
    });
  });

  it('with one bit turned over are accepted only where nothing is authenticated', async () => {
    const loose = acceptorFor(realm, { replay: false });
    const token = forge.token();
    const [krb5, microsoft] = [oid(KERBEROS), oid(MICROSOFT_KERBEROS)];
    /** Where these bytes are in the token, from a place on. */
    const find = (bytes: Uint8Array, from = 0) => {
      const at = token.indexOf(bytes, from);
      assert(at >= 0);
      return { from: at, to: at + bytes.length };
    };
    const first = find(krb5);
    const second = find(microsoft);
    const ownOid = find(krb5, first.to);
    const ticketAt = token.indexOf(Buffer.from([0x61, 0x82]));
    const service = encodeName(
      { realm: Buffer.alloc(0), parts: [Buffer.from('HTTP'), Buffer.from('localhost')] },
      2,
    );
    const version = tagged(1, integer(1));
    const serviceAt = find(service, ticketAt);
    const regions = {
      'which OID of Kerberos is offered first': first,
      'what else is offered': second,
      "which of the two is the token's own": ownOid,
      "the AP-REQ's type, which its tag says as well": find(tagged(1, integer(14))),
      "the AP-REQ's options": find(tagged(2, bits(0))),
      "the ticket's realm": find(tagged(1, generalString('EXAMPLE.COM')), ticketAt),
      "the service's name on the ticket": serviceAt,
      "the key's version, of which 0 means any": find(version, serviceAt.to),
    };
    const hit = new Set<string>();
    for (let at = 0; at < token.length; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const flipped = Buffer.from(token);
        flipped.writeUInt8(flipped.readUInt8(at) ^ (1 << bit), at);
        const acceptance = await loose.accept(flipped);
        if (!acceptance.accepted) continue;
        isAlice(acceptance);
        const region = Object.entries(regions).find(([, { from, to }]) => from <= at && at < to);
        assert(region !== undefined, `accepted with bit ${bit} of byte ${at} turned over`);
        hit.add(region[0]);
      }
    }
    assert.deepEqual([...hit].sort(), Object.keys(regions).sort());
    loose.close();
  });

  describe('with a ticket', () => {
    const forged: [string, RefusalReason | 'accepted', () => Forgery][] = [
      ['as a KDC makes it', 'accepted', () => ({})],
      ['under another key', 'ticket', () => ({ key: new Forge(realm, 'HTTP/other').key })],
      ['that was changed', 'ticket', () => ({ tamper: 'ticket' })],
      ['and an authenticator that was changed', 'ticket', () => ({ tamper: 'authenticator' })],
      ['labelled as one of AES-128', 'ticket', () => ({ enctype: 17 })],
      ['labelled as one of RC4', 'ticket', () => ({ enctype: 23 })],
      ['labelled as of no encryption type', 'ticket', () => ({ enctype: 4711 })],
      ['under a key version that is not there', 'ticket', () => ({ version: 7 })],
      ['that calls itself another service', 'accepted', () => ({ service: ['HTTP', 'alias'] })],
      ['of yesterday', 'clock', () => ({ starts: -25 * HOUR, ends: -24 * HOUR })],
      ['over for an hour', 'clock', () => ({ starts: -2 * HOUR, ends: -HOUR })],
      ['over for 200 s', 'accepted', () => ({ starts: -2 * HOUR, ends: -200_000 })],
      ['good from in an hour', 'clock', () => ({ starts: HOUR, ends: 2 * HOUR })],
      ['good from in 200 s', 'accepted', () => ({ starts: 200_000 })],
      ['not validated yet', 'ticket', () => ({ flags: FLAGS.invalid | FLAGS.initial })],
      ['and a clock 10 minutes ahead', 'clock', () => ({ ahead: 10 * MINUTE })],
      ['and a clock 10 minutes behind', 'clock', () => ({ ahead: -10 * MINUTE })],
      ['and a clock 4 minutes ahead', 'accepted', () => ({ ahead: 4 * MINUTE })],
      ['and a clock 4 minutes behind', 'accepted', () => ({ ahead: -4 * MINUTE })],
      [
        "and another client's authenticator",
        'ticket',
        () => ({
          authenticator: { client: { realm: bytes('EXAMPLE.COM'), parts: [bytes('bob')] } },
        }),
      ],
      ['that came through another realm', 'ticket', () => ({ transited: 'EVIL.TEST' })],
      ['that came through garbage', 'ticket', () => ({ transited: Buffer.from([0xff, 0, 0x80]) })],
      ['with addresses of others', 'accepted', () => ({ addresses: ADDRESSES })],
      ['with a PAC of 60 kB of garbage', 'ticket', () => pac(Buffer.alloc(60_000, 0xa5))],
      ['with a PAC of 4 bytes', 'ticket', () => pac(Buffer.alloc(4))],
      ['with a PAC of 4 G parts', 'ticket', () => pac(Buffer.alloc(8, 0xff))],
      ['with 48 kB of authorization data', 'accepted', () => big(48_000)],
      ['for user-to-user authentication', 'malformed', () => ({ options: 0x40000000 })],
    ];
    const bytes = (text: string) => Buffer.from(text);
    const ADDRESSES = sequence(typed(2, Buffer.from([10, 0, 0, 1])));
    const relevant = (type: number, data: Buffer) =>
      sequence(typed(1, sequence(typed(type, data))));
    const pac = (data: Buffer): Forgery => ({ authorizationData: relevant(128, data) });
    const big = (size: number): Forgery => ({
      authorizationData: relevant(4711, Buffer.alloc(size)),
    });

    for (const [what, expected, make] of forged) {
      it(`${what}: ${expected}`, async () => {
        const acceptance = await acceptor.accept(forge.token(make()));
        if (expected === 'accepted') isAlice(acceptance);
        else isRefused(acceptance, expected);
      });
    }

    it("for another service of the keytab's: ticket", async () => {
      for (const service of ['nfs/localhost', 'HTTP/other']) {
        isRefused(await acceptor.accept(await realm.token('alice', service)), 'ticket');
        isRefused(await acceptor.accept(new Forge(realm, service).token()), 'ticket');
      }
    });

    it("for another service's, under this one's name: ticket", async () => {
      const nfs = new Forge(realm, 'nfs/localhost');
      isRefused(await acceptor.accept(nfs.token({ service: ['HTTP', 'localhost'] })), 'ticket');
    });

    it("for another realm's service of the same name: ticket", async () => {
      await using other = await Realm.start({ name: 'OTHER.TEST', users: { alice: 'a' } });
      isRefused(await acceptor.accept(await other.token('alice', 'HTTP/localhost')), 'ticket');
    });
  });

  describe('with a checksum', () => {
    const checksum = (type: number, bytes: Uint8Array): Forgery => ({
      authenticator: { checksum: { type, bytes } },
    });
    const genuine = contextChecksum(undefined, 0x130);
    const changed = (offset: number, value: number) => {
      const bytes = Buffer.from(genuine);
      bytes.writeUInt32LE(value, offset);
      return bytes;
    };
    const refused: [string, Forgery][] = [
      ['that is not there', { authenticator: { checksum: undefined } }],
      ['of 20 bytes', checksum(0x8003, genuine.subarray(0, 20))],
      ['of none', checksum(0x8003, Buffer.alloc(0))],
      ['whose bindings are 17 bytes', checksum(0x8003, changed(0, 17))],
      ['whose bindings are 4 G bytes', checksum(0x8003, changed(0, 0xffffffff))],
      ['of MD5', checksum(7, Buffer.alloc(16))],
      ['of HMAC-SHA1', checksum(16, Buffer.alloc(12))],
    ];
    for (const [what, forgery] of refused) {
      it(`${what}: malformed`, async () => {
        isRefused(await acceptor.accept(forge.token(forgery)), 'malformed');
      });
    }

    const ignored: [string, Buffer][] = [
      [
        'with delegated credentials, cut',
        Buffer.concat([changed(20, 0x131), Buffer.from([1, 0, 200, 0])]),
      ],
      [
        'with delegated garbage',
        Buffer.concat([changed(20, 0x131), Buffer.from([1, 0, 2, 0, 1, 2])]),
      ],
      ['with an extension, cut', Buffer.concat([genuine, Buffer.from([0, 0, 0, 1, 0, 0])])],
      ['with the flag of DCE', changed(20, 0x1130)],
    ];
    for (const [what, bytes] of ignored) {
      it(`${what}: accepted`, async () => {
        isAlice(await acceptor.accept(forge.token(checksum(0x8003, bytes))));
      });
    }
  });

  describe('of a client', () => {
    const rows: [string, Forgery][] = [
      ['with the anonymous flag', { flags: FLAGS.anonymous | FLAGS.initial }],
      ['named WELLKNOWN/ANONYMOUS', { client: ['WELLKNOWN', 'ANONYMOUS'] }],
      ['named wellknown/x', { client: ['wellknown', 'x'] }],
      ['named WELLKNOWN', { client: ['WELLKNOWN'] }],
      ['of the anonymous realm', { clientRealm: 'WELLKNOWN:ANONYMOUS' }],
      ['without a name', { client: [] }],
      ['with an empty name', { client: [''] }],
      ['with an empty first part', { client: ['', 'admin'] }],
      ['with an empty last part', { client: ['alice', ''] }],
      ['with an empty realm', { clientRealm: '' }],
      ['of another realm', { clientRealm: 'OTHER.TEST' }],
      ['of the realm in small letters', { clientRealm: 'example.com' }],
      ['with NUL in its name', { client: ['al\0ice'] }],
      ['with NUL after its name', { client: ['alice\0'] }],
      ['with NUL in its realm', { clientRealm: 'EXAMPLE.COM\0' }],
      ['with a line feed in its name', { client: ['alice\n'] }],
      ['with a tab in its name', { client: ['al\tice'] }],
      ['with a bell in its name', { client: ['al\x07ice'] }],
      ['with DEL in its name', { client: ['alice\x7f'] }],
      ['with a C1 control in its name', { client: ['alice\x85'] }],
      ['with a slash in one part', { client: ['alice/admin'] }],
      ['with an @ in its name', { client: ['alice@corp'], nameType: 10 }],
      ['with a backslash in its name', { client: ['EXAMPLE\\alice'] }],
      ['with a name of 60 kB', { client: ['a'.repeat(60_000)] }],
      ['with a name that is too long with its realm', { client: ['a'.repeat(245)] }],
      ['with a name in Latin-1', { client: [Buffer.from([0x7a, 0x6f, 0xeb])] }],
      ['with an overlong slash', { client: [Buffer.from([0x61, 0xc0, 0xaf])] }],
      ['with an overlong NUL', { client: [Buffer.from([0x61, 0xe0, 0x80, 0x80])] }],
      ['with a surrogate in its name', { client: [Buffer.from([0xed, 0xa0, 0x80])] }],
      ['with a code point past the last', { client: [Buffer.from([0xf4, 0x90, 0x80, 0x80])] }],
      ['with a character that is cut', { client: [Buffer.from([0x61, 0xe2, 0x82])] }],
      ['with a continuation byte alone', { client: [Buffer.from([0x80])] }],
    ];
    for (const [what, forgery] of rows) {
      it(`${what}: client`, async () => {
        isRefused(await acceptor.accept(forge.token(forgery)), 'client');
      });
    }

    const names: [string, string[]][] = [
      ['alice/admin', ['alice', 'admin']],
      ['zoë', ['zoë']],
      ['mary ann', ['mary ann']],
      ['WELLKNOWNS', ['WELLKNOWNS']],
      ['😀', ['😀']],
      ['a'.repeat(244), ['a'.repeat(244)]],
    ];
    for (const [name, client] of names) {
      it(`${name.slice(0, 20)}: accepted, under the ticket's name`, async () => {
        const acceptance = await acceptor.accept(forge.token({ client }));
        assert(acceptance.accepted);
        assert.equal(acceptance.principal, `${name}@EXAMPLE.COM`);
      });
    }
  });

  describe('of before', () => {
    it('are refused: replay', async () => {
      const token = forge.token();
      isAlice(await acceptor.accept(token));
      isRefused(await acceptor.accept(token), 'replay');
    });
    it('are refused in other clothes: replay', async () => {
      const apReq = forge.apReq();
      isAlice(await acceptor.accept(kerberosToken(apReq)));
      isRefused(await acceptor.accept(negotiateToken([KERBEROS], kerberosToken(apReq))), 'replay');
      apReq.writeUInt8(0x20, apReq.indexOf(bits(0)) + 3);
      isRefused(await acceptor.accept(kerberosToken(apReq)), 'replay');
    });
    it('are refused by another acceptor of the process: replay', async () => {
      const token = forge.token();
      isAlice(await acceptor.accept(token));
      isRefused(await acceptorFor(realm).accept(token), 'replay');
    });
    it('are accepted when they were refused before', async () => {
      const token = forge.token();
      const others = acceptorFor(realm, { realms: ['OTHER.TEST'] });
      isRefused(await others.accept(token), 'client');
      isAlice(await acceptor.accept(token));
    });
    it('are accepted one by one, when many come at once', async () => {
      const tokens = Array.from({ length: 50 }, () => forge.token());
      const all = await Promise.all([...tokens, ...tokens].map((token) => acceptor.accept(token)));
      assert.equal(all.filter(({ accepted }) => accepted).length, tokens.length);
    });
    it('are accepted again with replay: false', async () => {
      const loose = acceptorFor(realm, { replay: false });
      const token = forge.token();
      isAlice(await loose.accept(token));
      isAlice(await loose.accept(token));
    });
  });
});
