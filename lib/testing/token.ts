// What a browser sends as `Authorization: Negotiate …`, made of a ticket.

import { createHash, randomBytes } from 'node:crypto';
import type { Credentials, Name } from './credential-cache.js';
import {
  bits,
  element,
  generalString,
  integer,
  octets,
  oid,
  sequence,
  tagged,
  time,
} from './der.js';
import { encrypt, randomKey } from './encryption.js';
import type { TicketOptions } from './tickets.js';

/** How a token is to be made. Nothing is required. */
export interface TokenOptions extends TicketOptions {
  /** In SPNEGO, as browsers send it, or Kerberos alone, as some older clients do. Default 'spnego'. */
  form?: 'spnego' | 'kerberos';
  /** Whether the client asks for the service's proof in return; default false, as browsers do. */
  mutual?: boolean;
  /**
   * The channel that the client binds itself to: 'tls-server-end-point:' and the hash of the
   * server's certificate (RFC 5929, 4.1). Default none, as browsers do on Linux and macOS.
   */
  bindings?: Uint8Array;
  /** What the client's clock says; default now. */
  time?: Date;
}

export const SPNEGO = '1.3.6.1.5.5.2';
export const KERBEROS = '1.2.840.113554.1.2.2';
export const MICROSOFT_KERBEROS = '1.2.840.48018.1.2.2';

/** RFC 4121, 4.1.1.1; browsers ask for the last three. */
const MUTUAL = 0x02;
const BROWSERS = 0x130;

/** RFC 4120, 7.5.1. */
export const AUTHENTICATOR_USAGE = 11;

const MUTUAL_REQUIRED = 0x20000000;

export function makeToken(credentials: Credentials, options: TokenOptions): Buffer {
  const { form = 'spnego', mutual = false, bindings, time: now = new Date() } = options;
  const flags = BROWSERS | (mutual ? MUTUAL : 0);
  const authenticator = encodeAuthenticator({
    client: credentials.client,
    checksum: { type: 0x8003, bytes: contextChecksum(bindings, flags) },
    time: now,
    subkey: randomKey(credentials.key.enctype),
    sequenceNumber: randomBytes(4).readUInt32BE() >>> 2,
  });
  const token = kerberosToken(
    encodeApReq({
      options: mutual ? MUTUAL_REQUIRED : 0,
      ticket: credentials.ticket,
      enctype: credentials.key.enctype,
      authenticator: encrypt(credentials.key, AUTHENTICATOR_USAGE, authenticator),
    }),
  );
  return form === 'kerberos' ? token : negotiateToken([KERBEROS, MICROSOFT_KERBEROS], token);
}

/** RFC 4121, 4.1.1. */
export function contextChecksum(bindings: Uint8Array | undefined, flags: number): Buffer {
  const checksum = Buffer.alloc(24);
  checksum.writeUInt32LE(16, 0);
  if (bindings !== undefined) bindingsHash(bindings).copy(checksum, 4);
  checksum.writeUInt32LE(flags, 20);
  return checksum;
}

/** Of a gss_channel_bindings_struct without addresses (RFC 4121, 4.1.1.2). */
function bindingsHash(bindings: Uint8Array): Buffer {
  const addresses = Buffer.alloc(16);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(bindings.length);
  return createHash('md5').update(addresses).update(length).update(bindings).digest();
}

export interface Authenticator {
  client: Name;
  checksum?: { type: number; bytes: Uint8Array } | undefined;
  time: Date;
  microseconds?: number;
  subkey?: { enctype: number; bytes: Uint8Array } | undefined;
  sequenceNumber?: number | undefined;
  /** A whole AuthorizationData. */
  authorizationData?: Uint8Array | undefined;
}

/** RFC 4120, 5.5.1. */
export function encodeAuthenticator(authenticator: Authenticator): Buffer {
  const { client, checksum, time: now, subkey, sequenceNumber, authorizationData } = authenticator;
  const { microseconds = randomBytes(4).readUInt32BE() % 1_000_000 } = authenticator;
  const fields = [
    tagged(0, integer(5)),
    tagged(1, generalString(client.realm)),
    tagged(2, encodeName(client)),
    ...(checksum ? [tagged(3, typed(checksum.type, checksum.bytes))] : []),
    tagged(4, integer(microseconds)),
    tagged(5, time(now)),
    ...(subkey ? [tagged(6, typed(subkey.enctype, subkey.bytes))] : []),
    ...(sequenceNumber === undefined ? [] : [tagged(7, integer(sequenceNumber))]),
    ...(authorizationData ? [tagged(8, authorizationData)] : []),
  ];
  return element(0x62, sequence(...fields));
}

/** An EncryptionKey, a Checksum or an element of AuthorizationData. */
export function typed(type: number, bytes: Uint8Array): Buffer {
  return sequence(tagged(0, integer(type)), tagged(1, octets(bytes)));
}

/** A PrincipalName (RFC 4120, 5.2.2). */
export function encodeName({ parts }: Name, type = 1): Buffer {
  const names = parts.map((part) => generalString(part));
  return sequence(tagged(0, integer(type)), tagged(1, sequence(...names)));
}

export interface ApReq {
  options: number;
  ticket: Uint8Array;
  enctype: number;
  /** Encrypted. */
  authenticator: Uint8Array;
}

/** RFC 4120, 5.5.1. */
export function encodeApReq({ options, ticket, enctype, authenticator }: ApReq): Buffer {
  const encrypted = sequence(tagged(0, integer(enctype)), tagged(2, octets(authenticator)));
  const fields = [integer(5), integer(14), bits(options), ticket, encrypted];
  return element(0x6e, sequence(...fields.map((value, n) => tagged(n, value))));
}

/** RFC 4121, 4.1: the mechanism's OID, and that this is an AP-REQ. */
export function kerberosToken(apReq: Uint8Array, mechanism = KERBEROS): Buffer {
  return element(0x60, oid(mechanism), Buffer.from([1, 0]), apReq);
}

/** RFC 4178, 4.2.1: the mechanisms that the client offers, and the first one's token. */
export function negotiateToken(mechanisms: readonly string[], token?: Uint8Array): Buffer {
  const offers = tagged(0, sequence(...mechanisms.map(oid)));
  const fields = token === undefined ? [offers] : [offers, tagged(2, octets(token))];
  return element(0x60, oid(SPNEGO), tagged(0, sequence(...fields)));
}
