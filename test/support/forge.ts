/**
 * Tokens that no honest client sends. Whoever has a service's key can make any ticket for it: so
 * the tests do, and say byte by byte what is in it.
 */
import { readFileSync } from 'node:fs';
import type { Realm } from 'kpass/testing';
import {
  bits,
  element,
  generalString,
  integer,
  octets,
  sequence,
  tagged,
  time,
} from '../../lib/testing/der';
import { encrypt, type Key, randomKey } from '../../lib/testing/encryption';
import {
  AUTHENTICATOR_USAGE,
  type Authenticator,
  contextChecksum,
  encodeApReq,
  encodeAuthenticator,
  encodeName,
  KERBEROS,
  kerberosToken,
  MICROSOFT_KERBEROS,
  negotiateToken,
  typed,
} from '../../lib/testing/token';

export * from '../../lib/testing/der';
export {
  contextChecksum,
  encodeName,
  KERBEROS,
  kerberosToken,
  MICROSOFT_KERBEROS,
  negotiateToken,
  SPNEGO,
  typed,
} from '../../lib/testing/token';

/** RFC 4120, 7.5.1. */
const TICKET_USAGE = 2;

/** RFC 4120, 5.3: the flags of a ticket. */
export const FLAGS = {
  invalid: 0x01000000,
  preAuthenticated: 0x00200000,
  initial: 0x00400000,
  transitPolicyChecked: 0x00080000,
  anonymous: 0x00008000,
};

const AES256 = 18;
const HOUR = 3_600_000;

/** A name, by its parts; as Buffers where they are no text. */
export type Parts = readonly (string | Buffer)[];

/** What is to be different. The rest is as a KDC and a browser do it. */
export interface Forgery {
  client?: Parts;
  clientRealm?: string;
  /** The type of the client's name. */
  nameType?: number;
  flags?: number;
  session?: Key;
  /** ms from now */
  starts?: number;
  ends?: number;
  /** RFC 4120, 3.3.3.2; type 1. */
  transited?: string | Buffer;
  /** A whole HostAddresses. */
  addresses?: Buffer;
  /** A whole AuthorizationData, of the ticket. */
  authorizationData?: Buffer;
  /** What is not encrypted in the ticket. */
  service?: Parts;
  serviceRealm?: string;
  version?: number;
  enctype?: number;
  /** The service's key, or one that is not. */
  key?: Key;
  authenticator?: Partial<Authenticator>;
  /** The client's clock, in ms from now. */
  ahead?: number;
  bindings?: Uint8Array;
  mutual?: boolean;
  /** Of the AP-REQ. */
  options?: number;
  /** Changes the encrypted parts. */
  tamper?: 'ticket' | 'authenticator';
}

const MUTUAL_REQUIRED = 0x20000000;
const BROWSERS = 0x130;

const bytesOf = (parts: Parts) => parts.map((part) => Buffer.from(part));

export class Forge {
  readonly #realm: string;
  readonly #service: readonly string[];
  readonly #keytab: KeytabKey;

  /** For a service of which the realm has a keytab. */
  constructor(realm: Realm, service: string) {
    this.#realm = realm.name;
    this.#service = service.split('/');
    this.#keytab = newestKey(readFileSync(realm.keytab(service)));
  }

  get key(): Key {
    return this.#keytab;
  }

  /** In SPNEGO, Kerberos first. */
  token(forgery: Forgery = {}): Buffer {
    return negotiateToken([KERBEROS, MICROSOFT_KERBEROS], this.kerberos(forgery));
  }

  /** Without SPNEGO. */
  kerberos(forgery: Forgery = {}): Buffer {
    return kerberosToken(this.apReq(forgery));
  }

  apReq(forgery: Forgery = {}): Buffer {
    const { session = randomKey(AES256), mutual = false, ahead = 0 } = forgery;
    const { options = mutual ? MUTUAL_REQUIRED : 0, bindings } = forgery;
    const client = { realm: this.#realmOf(forgery), parts: bytesOf(forgery.client ?? ['alice']) };
    const flags = BROWSERS | (mutual ? 2 : 0);
    const authenticator = encodeAuthenticator({
      client,
      checksum: { type: 0x8003, bytes: contextChecksum(bindings, flags) },
      time: new Date(Date.now() + ahead),
      subkey: randomKey(AES256),
      sequenceNumber: 4711,
      ...forgery.authenticator,
    });
    const encrypted = encrypt(session, AUTHENTICATOR_USAGE, authenticator);
    if (forgery.tamper === 'authenticator') flip(encrypted, 40);
    return encodeApReq({
      options,
      ticket: this.#ticket({ ...forgery, session }),
      enctype: session.enctype,
      authenticator: encrypted,
    });
  }

  #realmOf({ clientRealm = this.#realm }: Forgery): Buffer {
    return Buffer.from(clientRealm);
  }

  /** RFC 4120, 5.3. */
  #ticket(forgery: Forgery & { session: Key }): Buffer {
    const { key = this.#keytab, service = this.#service, serviceRealm = this.#realm } = forgery;
    const encrypted = encrypt(key, TICKET_USAGE, this.#ticketPart(forgery));
    if (forgery.tamper === 'ticket') flip(encrypted, 40);
    const fields = [
      integer(5),
      generalString(serviceRealm),
      encodeName({ realm: Buffer.alloc(0), parts: bytesOf(service) }, 2),
      sequence(
        tagged(0, integer(forgery.enctype ?? key.enctype)),
        tagged(1, integer(forgery.version ?? this.#keytab.version)),
        tagged(2, octets(encrypted)),
      ),
    ];
    return element(0x61, sequence(...fields.map((value, n) => tagged(n, value))));
  }

  #ticketPart(forgery: Forgery & { session: Key }): Buffer {
    const { client = ['alice'], nameType = 1, session, starts = -HOUR, ends = HOUR } = forgery;
    const { flags = FLAGS.initial | FLAGS.preAuthenticated, transited = '' } = forgery;
    const at = (ms: number) => time(new Date(Date.now() + ms));
    const fields: [number, Buffer | undefined][] = [
      [0, bits(flags)],
      [1, typed(session.enctype, session.bytes)],
      [2, generalString(this.#realmOf(forgery))],
      [3, encodeName({ realm: Buffer.alloc(0), parts: bytesOf(client) }, nameType)],
      [4, typed(1, Buffer.from(transited))],
      [5, at(Math.min(starts, -HOUR))],
      [6, at(starts)],
      [7, at(ends)],
      [9, forgery.addresses],
      [10, forgery.authorizationData],
    ];
    const present = fields.flatMap(([n, value]) => (value ? [tagged(n, value)] : []));
    return element(0x63, sequence(...present));
  }
}

function flip(bytes: Buffer, at: number): void {
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
}

interface KeytabKey extends Key {
  version: number;
}

/** https://web.mit.edu/kerberos/krb5-latest/doc/formats/keytab_file_format.html */
export function newestKey(keytab: Buffer): KeytabKey {
  let newest: KeytabKey | undefined;
  for (let at = 2; at < keytab.length; ) {
    const length = keytab.readInt32BE(at);
    const end = at + 4 + Math.abs(length);
    if (length > 0) {
      const key = keyOf(keytab.subarray(at + 4, end));
      if (newest === undefined || key.version > newest.version) newest = key;
    }
    at = end;
  }
  if (newest === undefined) throw new RangeError('A keytab without keys');
  return newest;
}

function keyOf(entry: Buffer): KeytabKey {
  let at = 2;
  const texts = entry.readUInt16BE(0) + 1; // the parts, and the realm before them
  for (let i = 0; i < texts; i++) at += 2 + entry.readUInt16BE(at);
  at += 4 + 4; // the name's type, and a time
  const short = entry.readUInt8(at);
  const enctype = entry.readUInt16BE(at + 1);
  const end = at + 5 + entry.readUInt16BE(at + 3);
  const version = entry.length >= end + 4 ? entry.readUInt32BE(end) : short;
  return { enctype, version, bytes: entry.subarray(at + 5, end) };
}
