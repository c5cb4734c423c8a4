// What anyone on the wire sees of armor (FAST, RFC 6113), and can take away.

import { element, field, inside, number, sequence } from './der';
import type { Request } from './fault-proxy';
import { replyType } from './messages';
import { elements, withField } from './padata';

/** Padata types of RFC 4120, 5.2.7, RFC 6113, 5.4, and RFC 6806, 11. */
export const PA_ENC_TIMESTAMP = 2;
export const PA_FX_FAST = 136;
export const PA_REQ_ENC_PA_REP = 149;

const PADATA_OF_AS_REQ = 3;
const PADATA_OF_AS_REP = 2;
const E_DATA_OF_ERROR = 12;

const octets = (bytes: Buffer) => element(0x04, bytes);

/** The field of a message that holds padata, and the padata. */
function padataOf(message: Buffer): { n: number; list: Buffer | undefined } {
  const type = replyType(message);
  const n =
    type === 'KRB-ERROR'
      ? E_DATA_OF_ERROR
      : type === 'AS-REP'
        ? PADATA_OF_AS_REP
        : PADATA_OF_AS_REQ;
  const value = field(inside(message), n);
  return { n, list: value && n === E_DATA_OF_ERROR ? inside(value) : value };
}

const typeOf = (entry: Buffer) => number(field(entry, 1) ?? Buffer.alloc(0));

/** The types of a message's padata. */
export function padataTypes(message: Buffer): number[] {
  const { list } = padataOf(message);
  return list === undefined ? [] : elements(list).map(typeOf);
}

/** The message without its padata of one type. */
export function withoutPadata(message: Buffer, type: number): Buffer {
  const { n, list } = padataOf(message);
  if (list === undefined || !padataTypes(message).includes(type)) return message;
  const rest = sequence(...elements(list).filter((entry) => typeOf(entry) !== type));
  return withField(message, n, n === E_DATA_OF_ERROR ? octets(rest) : rest);
}

export const isArmored = (message: Buffer) => padataTypes(message).includes(PA_FX_FAST);

/** The client's name in an AS-REQ: 'HTTP/localhost'. */
export function clientOf(request: Buffer): string {
  const body = field(inside(request), 4);
  const name = body && field(body, 1);
  const parts = name && field(name, 1);
  if (parts === undefined) throw new TypeError('not an AS-REQ with a client');
  return elements(parts)
    .map((part) => inside(part).toString())
    .join('/');
}

/** A request of this client's for a ticket. */
export const isFrom = (client: string, { type, bytes }: Request) =>
  type === 'AS-REQ' && clientOf(bytes) === client;

/** The AS-REQs of this client's in the log that are not armored. */
export function unarmoredOf(client: string, log: readonly Request[]): Request[] {
  return log.filter((request) => isFrom(client, request) && !isArmored(request.bytes));
}

/** The errors of a KDC, with other numbers in them, as anybody can change them. */
export function withErrorNumber(error: Buffer, code: number): Buffer {
  const bytes = Buffer.from([code]);
  return withField(error, 6, element(0x02, bytes));
}
