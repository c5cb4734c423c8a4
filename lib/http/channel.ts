// The channel that a request came through, as a client's token is bound to it: the hash of this server's
// certificate (RFC 5929, 4: tls-server-end-point).

import { createHash } from 'node:crypto';
import { isUint8Array } from 'node:util/types';
import { propertyOf } from '../validate.js';
import { signatureHash } from './certificate.js';
import type { AnyRequest } from './request.js';

/** A TLS connection keeps its certificate: RFC 8446 has no second handshake. */
const channels = new WeakMap<object, Uint8Array | null>();

/**
 * What a client's token may be bound to. Null: no TLS connection of this server's own, or a certificate
 * for which RFC 5929 defines no hash.
 */
export function channelOf(request: AnyRequest): Uint8Array | null {
  const socket = propertyOf(request, 'socket');
  if (typeof socket !== 'object' || socket === null) return null;
  let channel = channels.get(socket);
  if (channel === undefined) {
    channel = channelFor(certificateOf(socket));
    channels.set(socket, channel);
  }
  return channel;
}

/** The certificate of this end of the connection, in DER. */
function certificateOf(socket: object): Uint8Array | null {
  const ask = propertyOf(socket, 'getCertificate');
  if (typeof ask !== 'function') return null;
  const certificate: unknown = ask.call(socket);
  if (typeof certificate !== 'object' || certificate === null) return null;
  const raw = propertyOf(certificate, 'raw');
  return isUint8Array(raw) ? raw : null;
}

/** RFC 5929, 4.1: the hash of the certificate's signature, but SHA-256 in place of MD5 and SHA-1. */
export function channelFor(certificate: Uint8Array | null): Uint8Array | null {
  const signed = certificate && signatureHash(certificate);
  if (certificate === null || signed === null) return null;
  const hash = signed === 'md5' || signed === 'sha1' ? 'sha256' : signed;
  const digest = createHash(hash).update(certificate).digest();
  return Buffer.concat([Buffer.from('tls-server-end-point:'), digest]);
}
