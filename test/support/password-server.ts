// A password server that has the realm's own key, and answers any result (RFC 3244). It changes nothing.
// It also reads the new password, so that a test can compare it.

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import type { Realm } from 'kpass/testing';
import { field, inside, number } from '../../lib/cli/doctor/der';
import { element, integer, octets, sequence, tagged } from '../../lib/testing/der';
import { decrypt, encrypt, type Key } from '../../lib/testing/encryption';
import { typed } from '../../lib/testing/token';
import { newestKey } from './forge';

/** RFC 4120, 7.5.1. */
const USAGE = { ticket: 2, authenticator: 11, apRep: 12, priv: 13 };

const SEQUENCE_NUMBER = 4711;

/** What is different from an honest reply. */
export interface Deceit {
  /** The sequence number of the KRB-PRIV. */
  sequenceNumber?: number;
  /** The KRB-PRIV is under the ticket's session key and not under the subkey. */
  sessionKey?: boolean;
  /** The AP-REP proves another authenticator's time. */
  time?: boolean;
  /** The AP-REP has a subkey of its own, which the client must not use (RFC 3244, 2). */
  subkey?: Key;
  /** Changes the whole reply. */
  change?: (reply: Buffer) => Buffer;
}

export interface PasswordServer extends AsyncDisposable {
  /** Path of a krb5.conf that names this server. */
  config: string;
  /** The new passwords that came. */
  passwords: string[];
}

/** Starts a server whose reply has these bytes: two of the result's code, then text. */
export async function passwordServer(
  realm: Realm,
  result: Buffer,
  deceit: Deceit = {},
): Promise<PasswordServer> {
  const key = newestKey(readFileSync(await realm.writeKeytab('kadmin/changepw')));
  const passwords: string[] = [];
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', (bytes) => {
      const request = read(key, bytes.subarray(4));
      passwords.push(request.password);
      const { change = (reply) => reply } = deceit;
      socket.end(framed(change(replyTo(request, result, deceit))));
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    config: await realm.writeConfig({ passwordServers: [`127.0.0.1:${port}`] }),
    passwords,
    async [Symbol.asyncDispose]() {
      await once(server.close(), 'close');
    },
  };
}

interface ChangeRequest {
  session: Key;
  subkey: Key;
  /** Of the authenticator, as they came. */
  ctime: Buffer;
  cusec: Buffer;
  password: string;
}

/** The value of a field that must be there. */
function value(message: Buffer, n: number): Buffer {
  const found = field(message, n);
  if (found === undefined) throw new RangeError(`no field ${n}`);
  return found;
}

function read(key: Key, message: Buffer): ChangeRequest {
  const end = 6 + message.readUInt16BE(4);
  const apReq = inside(message.subarray(6, end));
  const ticket = inside(value(apReq, 3));
  const session = keyIn(value(inside(open(key, USAGE.ticket, value(ticket, 3))), 1));
  const authenticator = inside(open(session, USAGE.authenticator, value(apReq, 4)));
  const subkey = keyIn(value(authenticator, 6));
  const priv = inside(open(subkey, USAGE.priv, value(inside(message.subarray(end)), 3)));
  return {
    session,
    subkey,
    ctime: value(authenticator, 5),
    cusec: value(authenticator, 4),
    password: inside(value(priv, 0)).toString(),
  };
}

/** Decrypts an EncryptedData. */
function open(key: Key, usage: number, encrypted: Buffer): Buffer {
  return decrypt(key, usage, inside(value(encrypted, 2)));
}

function keyIn(encryptionKey: Buffer): Key {
  return { enctype: number(value(encryptionKey, 0)), bytes: inside(value(encryptionKey, 1)) };
}

function sealed(key: Key, usage: number, plain: Buffer): Buffer {
  const cipher = octets(encrypt(key, usage, plain));
  return sequence(tagged(0, integer(key.enctype)), tagged(2, cipher));
}

function replyTo(request: ChangeRequest, result: Buffer, deceit: Deceit): Buffer {
  const { session, subkey, ctime } = request;
  const cusec = deceit.time ? integer((number(request.cusec) + 1) % 1_000_000) : request.cusec;
  const apRepPart = [
    tagged(0, ctime),
    tagged(1, cusec),
    ...(deceit.subkey ? [tagged(2, typed(deceit.subkey.enctype, deceit.subkey.bytes))] : []),
    tagged(3, integer(SEQUENCE_NUMBER)),
  ];
  const apRep = element(
    0x6f,
    sequence(
      tagged(0, integer(5)),
      tagged(1, integer(15)),
      tagged(2, sealed(session, USAGE.apRep, element(0x7b, sequence(...apRepPart)))),
    ),
  );
  const privPart = [
    tagged(0, octets(result)),
    tagged(3, integer(deceit.sequenceNumber ?? SEQUENCE_NUMBER)),
    tagged(4, typed(2, Buffer.from([127, 0, 0, 1]))),
  ];
  const key = deceit.sessionKey ? session : subkey;
  const priv = element(
    0x75,
    sequence(
      tagged(0, integer(5)),
      tagged(1, integer(21)),
      tagged(3, sealed(key, USAGE.priv, element(0x7c, sequence(...privPart)))),
    ),
  );
  const header = Buffer.alloc(6);
  header.writeUInt16BE(header.length + apRep.length + priv.length, 0);
  header.writeUInt16BE(1, 2);
  header.writeUInt16BE(apRep.length, 4);
  return Buffer.concat([header, apRep, priv]);
}

function framed(message: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(message.length);
  return Buffer.concat([length, message]);
}
