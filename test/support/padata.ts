// Rewrites the padata of a KDC's reply to an AS-REQ, as anyone between kpass and the KDC can: the
// METHOD-DATA of a KRB-ERROR, and the padata of an AS-REP (RFC 4120, 5.2.7).

import { element, field, inside, integer, tagged } from './der';
import { errorCode, replyType } from './messages';

export const PREAUTH_REQUIRED = 25;
export const PA_ENC_TIMESTAMP = 2;
export const PA_ETYPE_INFO2 = 19;
const PA_ETYPE_INFO = 11;

/** Fields of the two messages that hold padata, and the highest field of either. */
const PADATA_OF_AS_REP = 2;
const E_DATA_OF_ERROR = 12;
const LAST_FIELD = 13;

const sequence = (...parts: Buffer[]) => element(0x30, ...parts);
const octets = (bytes: Buffer) => element(0x04, bytes);
const padata = (type: number, value: Buffer) =>
  sequence(tagged(1, integer(type)), tagged(2, octets(value)));

/** The message with another value of one field. */
export function withField(message: Buffer, n: number, value: Buffer): Buffer {
  const body = inside(message);
  const fields: Buffer[] = [];
  for (let each = 0; each <= LAST_FIELD; each++) {
    const content = each === n ? value : field(body, each);
    if (content !== undefined) fields.push(tagged(each, content));
  }
  return element(message[0] ?? 0, sequence(...fields));
}

/** One ETYPE-INFO2 with an entry for each type; `iterations` goes into the first (RFC 3962, 4). */
function etypeInfo2(etypes: readonly number[], iterations?: number): Buffer {
  const entries = etypes.map((etype, i) => {
    if (iterations === undefined || i > 0) return sequence(tagged(0, integer(etype)));
    const count = Buffer.alloc(4);
    count.writeUInt32BE(iterations);
    return sequence(tagged(0, integer(etype)), tagged(2, octets(count)));
  });
  return padata(PA_ETYPE_INFO2, sequence(...entries));
}

export interface Demand {
  etypes: readonly number[];
  iterations?: number;
}

/** An error of the KDC, with other demands in it. It offers no SPAKE: anyone can strip that. */
export function demandInError(error: Buffer, { etypes, iterations }: Demand): Buffer {
  const methods = sequence(
    etypeInfo2(etypes, iterations),
    padata(PA_ENC_TIMESTAMP, Buffer.alloc(0)),
  );
  return withField(error, E_DATA_OF_ERROR, octets(methods));
}

/** The same, but with the demands in the older ETYPE-INFO (RFC 4120, 5.2.7.4). */
export function demandInOldError(error: Buffer, etype: number): Buffer {
  const info = sequence(sequence(tagged(0, integer(etype))));
  const methods = sequence(padata(PA_ETYPE_INFO, info), padata(PA_ENC_TIMESTAMP, Buffer.alloc(0)));
  return withField(error, E_DATA_OF_ERROR, octets(methods));
}

export function demandInAsRep(reply: Buffer, { etypes, iterations }: Demand): Buffer {
  return withField(reply, PADATA_OF_AS_REP, sequence(etypeInfo2(etypes, iterations)));
}

/** A proxy's mode: every reply to an AS-REQ makes these demands. */
export function demanding(demand: Demand): { reply: (reply: Buffer) => Buffer } {
  return {
    reply: (reply) => {
      if (errorCode(reply) === PREAUTH_REQUIRED) return demandInError(reply, demand);
      return replyType(reply) === 'AS-REP' ? demandInAsRep(reply, demand) : reply;
    },
  };
}

/** The elements of a SEQUENCE OF. */
export function elements(list: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let rest = inside(list); rest.length > 0; ) {
    const length = element(rest[0] ?? 0, inside(rest)).length;
    found.push(rest.subarray(0, length));
    rest = rest.subarray(length);
  }
  return found;
}

const number = (value: Buffer) => inside(value).readIntBE(0, inside(value).length);

/** The encryption types that an AS-REQ lists. */
export function requestedEtypes(request: Buffer): number[] {
  const body = field(inside(request), 4);
  const list = body && field(body, 8);
  return list === undefined ? [] : elements(list).map(number);
}

/** The encryption type of the timestamp in an AS-REQ; undefined without one. */
export function timestampEtype(request: Buffer): number | undefined {
  const list = field(inside(request), 3);
  for (const entry of list === undefined ? [] : elements(list)) {
    const [type, value] = [field(entry, 1), field(entry, 2)];
    if (type === undefined || value === undefined || number(type) !== PA_ENC_TIMESTAMP) continue;
    const etype = field(inside(value), 0);
    return etype && number(etype);
  }
  return undefined;
}
