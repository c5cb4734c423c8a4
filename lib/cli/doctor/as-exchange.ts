// The smallest request to a KDC: an AS request without a password (RFC 4120, 5.4.1), and the parts of its
// reply that are not encrypted.

import { randomInt } from 'node:crypto';
import {
  element,
  field,
  generalString,
  inside,
  instant,
  integer,
  number,
  sequence,
  tagged,
  time,
} from './der.js';

const AS_REQ = 10;
const AS_REP = 11;
const KRB_ERROR = 30;
const application = (n: number) => 0x60 | n;

const NT_PRINCIPAL = 1;

/** aes-sha1, aes-sha2, and the types of older realms: DES3 and RC4. */
const ENCTYPES = [18, 17, 20, 19, 16, 23];

/** The ticket's end, in the year 2037: as late as the KDC allows. */
const FAR = time(new Date('2037-09-13T02:48:05Z'));

/** `client` and `service` are principals without the realm: 'alice', 'krbtgt/EXAMPLE.COM'. */
export function asRequest(realm: string, client: string, service: string): Buffer {
  const noOptions = element(0x03, Buffer.alloc(5));
  const body = sequence(
    tagged(0, noOptions),
    tagged(1, principal(client)),
    tagged(2, generalString(realm)),
    tagged(3, principal(service)),
    tagged(5, FAR),
    tagged(7, integer(randomInt(2 ** 31))),
    tagged(8, sequence(...ENCTYPES.map(integer))),
  );
  const request = sequence(tagged(1, integer(5)), tagged(2, integer(AS_REQ)), tagged(4, body));
  return element(application(AS_REQ), request);
}

function principal(name: string): Buffer {
  const parts = name.split('/').map(generalString);
  return sequence(tagged(0, integer(NT_PRINCIPAL)), tagged(1, sequence(...parts)));
}

export type AsReply =
  /** KRB-ERROR (5.9.1): its code, the KDC's clock in ms since 1970, its text, and whether it names the client. */
  | { error: number; time: number; text: string | undefined; namesClient: boolean }
  /** AS-REP (5.4.2): the version of the key that encrypts the ticket, if the reply names it. */
  | { ticketKey: number | undefined };

/** Null if the bytes are not a reply to an AS request. */
export function readAsReply(reply: Buffer): AsReply | null {
  try {
    const type = reply.readUInt8(0);
    if (type === application(KRB_ERROR)) return readError(inside(reply));
    if (type === application(AS_REP)) return { ticketKey: ticketKey(inside(reply)) };
    return null;
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

function readError(fields: Buffer): AsReply {
  const [time, microseconds, code] = [field(fields, 4), field(fields, 5), field(fields, 6)];
  if (!time || !microseconds || !code) throw new RangeError('a KRB-ERROR without its fields');
  const text = field(fields, 11);
  return {
    error: number(code),
    time: instant(time) + number(microseconds) / 1000,
    text: text && inside(text).toString(),
    namesClient: field(fields, 8) !== undefined,
  };
}

/** The `kvno` of the ticket's encrypted part (5.3, 5.2.9). */
function ticketKey(fields: Buffer): number | undefined {
  const ticket = field(fields, 5);
  const encrypted = ticket && field(inside(ticket), 3);
  if (!encrypted) throw new RangeError('an AS-REP without a ticket');
  const version = field(encrypted, 1);
  return version && number(version);
}
