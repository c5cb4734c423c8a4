// A KRB-ERROR that refers a client to another realm for an account (RFC 6806, section 7).

import { element, field, inside, integer, tagged, time } from './der';

const WRONG_REALM = 68;

/** Answers an AS-REQ. Anybody can forge it. */
export function referral(request: Buffer, realm: string): Buffer {
  const body = field(inside(request), 4);
  const [client, server] = [body && field(body, 1), body && field(body, 3)];
  if (!body || !client || !server) throw new TypeError('not an AS-REQ');
  const fields = [
    tagged(0, integer(5)),
    tagged(1, integer(30)),
    tagged(4, time(new Date())),
    tagged(5, integer(0)),
    tagged(6, integer(WRONG_REALM)),
    tagged(7, element(0x1b, Buffer.from(realm))),
    tagged(8, client),
    tagged(9, field(body, 2) ?? Buffer.alloc(0)),
    tagged(10, server),
  ];
  return element(0x7e, element(0x30, ...fields));
}
