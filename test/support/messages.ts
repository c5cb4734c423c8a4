// Reads Kerberos messages for the fault proxy, and forges errors.

import { element, field, inside, integer, tagged, time } from './der';

export type RequestType = 'AS-REQ' | 'TGS-REQ' | 'other';
export type ReplyType = 'AS-REP' | 'TGS-REP' | 'KRB-ERROR' | 'other';

/** The first byte: the APPLICATION tags of RFC 4120, section 5.10. */
const REQUESTS: Record<number, RequestType> = { 106: 'AS-REQ', 108: 'TGS-REQ' };
const REPLIES: Record<number, ReplyType> = { 107: 'AS-REP', 109: 'TGS-REP', 126: 'KRB-ERROR' };

export function requestType(bytes: Buffer): RequestType {
  return REQUESTS[bytes[0] ?? 0] ?? 'other';
}

export function replyType(bytes: Buffer): ReplyType {
  return REPLIES[bytes[0] ?? 0] ?? 'other';
}

/** The code of a KRB-ERROR; undefined for other messages. */
export function errorCode(bytes: Buffer): number | undefined {
  if (replyType(bytes) !== 'KRB-ERROR') return undefined;
  const code = field(inside(bytes), 6);
  return code && inside(code).readIntBE(0, inside(code).length);
}

/** A KRB-ERROR that answers an AS-REQ or TGS-REQ, with the realm and the server of the request. */
export function krbError(request: Buffer, code: number): Buffer {
  const body = field(inside(request), 4);
  const realm = body && field(body, 2);
  const server = body && field(body, 3);
  if (!realm || !server) throw new TypeError('not a request for a ticket');
  const fields = [
    tagged(0, integer(5)),
    tagged(1, integer(30)),
    tagged(4, time(new Date())),
    tagged(5, integer(0)),
    tagged(6, integer(code)),
    tagged(9, realm),
    tagged(10, server),
  ];
  return element(0x7e, element(0x30, ...fields));
}
