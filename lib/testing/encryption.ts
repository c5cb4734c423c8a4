// Kerberos' encryption with AES: RFC 3961, 5.3 with RFC 3962, and RFC 8009. libkrb5 is what is to be
// tested with it, so this is not libkrb5's.

import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto';

/** A key, with the number of its encryption type. */
export interface Key {
  readonly enctype: number;
  readonly bytes: Uint8Array;
}

interface Profile {
  /** Of the key, in bytes. */
  readonly size: number;
  readonly hash: 'sha1' | 'sha256' | 'sha384';
  /** Of the code that authenticates the text, in bytes. */
  readonly macSize: number;
}

const PROFILES: Readonly<Record<number, Profile>> = {
  17: { size: 16, hash: 'sha1', macSize: 12 },
  18: { size: 32, hash: 'sha1', macSize: 12 },
  19: { size: 16, hash: 'sha256', macSize: 16 },
  20: { size: 32, hash: 'sha384', macSize: 24 },
};

const BLOCK = 16;
const ZEROS = Buffer.alloc(BLOCK);

/** What the derived key is for (RFC 3961, 5.3). */
const ENCRYPTION = 0xaa;
const INTEGRITY = 0x55;

/** Encrypts for a use, of RFC 4120, 7.5.1. Throws an Error for a key that is not of AES. */
export function encrypt(key: Key, usage: number, plain: Uint8Array): Buffer {
  const text = Buffer.concat([randomBytes(BLOCK), plain]);
  const encrypted = encryptText(derive(key, usage, ENCRYPTION), text);
  return Buffer.concat([encrypted, codeOf(key, usage, text, encrypted)]);
}

/** The plain text. Throws an Error where the key, or the use, is another one. */
export function decrypt(key: Key, usage: number, cipher: Uint8Array): Buffer {
  const bytes = Buffer.from(cipher);
  const end = bytes.length - profileOf(key).macSize;
  const encrypted = bytes.subarray(0, end);
  const text = decryptText(derive(key, usage, ENCRYPTION), encrypted);
  if (!codeOf(key, usage, text, encrypted).equals(bytes.subarray(end))) {
    throw new Error('It does not decrypt with this key');
  }
  return text.subarray(BLOCK);
}

/** A new key of this type. */
export function randomKey(enctype: number): Key {
  return { enctype, bytes: randomBytes(profileOf({ enctype, bytes: ZEROS }).size) };
}

function profileOf({ enctype }: Key): Profile {
  const profile = PROFILES[enctype];
  if (profile === undefined) throw new Error(`Only AES is known here, not enctype ${enctype}`);
  return profile;
}

/** RFC 3961 authenticates the plain text, RFC 8009 the encrypted one. */
function codeOf(key: Key, usage: number, text: Buffer, encrypted: Buffer): Buffer {
  const { hash, macSize } = profileOf(key);
  const covered = hash === 'sha1' ? text : Buffer.concat([ZEROS, encrypted]);
  const code = createHmac(hash, derive(key, usage, INTEGRITY))
    .update(covered)
    .digest();
  return code.subarray(0, macSize);
}

function derive(key: Key, usage: number, purpose: number): Buffer {
  const { hash, size, macSize } = profileOf(key);
  const constant = Buffer.alloc(5, purpose);
  constant.writeUInt32BE(usage);
  if (hash === 'sha1') return deriveWithAes(key.bytes, fold(constant, BLOCK), size);
  // RFC 8009, 3.
  const wanted = purpose === ENCRYPTION ? size : macSize;
  const input = Buffer.alloc(4 + 5 + 1 + 4);
  input.writeUInt32BE(1);
  constant.copy(input, 4);
  input.writeUInt32BE(wanted * 8, 10);
  return createHmac(hash, key.bytes).update(input).digest().subarray(0, wanted);
}

/** DR of RFC 3961, 5.1. */
function deriveWithAes(key: Uint8Array, constant: Buffer, size: number): Buffer {
  const first = blocks(key, constant);
  return Buffer.concat([first, blocks(key, first)]).subarray(0, size);
}

/** n-fold of RFC 3961, 5.1: copies, each turned by 13 bits more, added with the carry around. */
function fold(input: Buffer, size: number): Buffer {
  const width = BigInt(8 * input.length);
  const value = BigInt(`0x${input.toString('hex')}`);
  const copies: Buffer[] = [];
  do {
    const turn = BigInt(13 * copies.length) % width;
    const turned = ((value >> turn) | (value << (width - turn))) & ((1n << width) - 1n);
    copies.push(bytesOf(turned, input.length));
  } while ((copies.length * input.length) % size !== 0);
  const all = Buffer.concat(copies);
  const limit = 1n << BigInt(8 * size);
  let sum = 0n;
  for (let at = 0; at < all.length; at += size) {
    sum += BigInt(`0x${all.subarray(at, at + size).toString('hex')}`);
  }
  while (sum >= limit) sum = (sum % limit) + sum / limit;
  return bytesOf(sum, size);
}

function bytesOf(value: bigint, size: number): Buffer {
  return Buffer.from(value.toString(16).padStart(2 * size, '0'), 'hex');
}

// CBC with ciphertext stealing, from zeros (RFC 3962, 5): the last two blocks change places, and the
// short one is cut.

function encryptText(key: Buffer, text: Buffer): Buffer {
  const padded = Buffer.alloc(Math.ceil(text.length / BLOCK) * BLOCK);
  text.copy(padded);
  const encrypted = blocks(key, padded);
  if (encrypted.length === BLOCK) return encrypted;
  return swapLastBlocks(encrypted).subarray(0, text.length);
}

function decryptText(key: Buffer, encrypted: Buffer): Buffer {
  const { length } = encrypted;
  if (length <= BLOCK) return decryptBlocks(key, encrypted);
  // What the last block lacks is in the one before it, which is decrypted by itself.
  const full = Math.ceil(length / BLOCK) * BLOCK;
  const stolen = encrypted.subarray(full - 2 * BLOCK, full - BLOCK);
  const last = decryptBlocks(key, stolen).subarray(length - (full - BLOCK));
  return decryptBlocks(key, swapLastBlocks(Buffer.concat([encrypted, last]))).subarray(0, length);
}

function swapLastBlocks(bytes: Buffer): Buffer {
  const at = bytes.length - 2 * BLOCK;
  return Buffer.concat([
    bytes.subarray(0, at),
    bytes.subarray(at + BLOCK),
    bytes.subarray(at, at + BLOCK),
  ]);
}

function blocks(key: Uint8Array, bytes: Buffer): Buffer {
  const cipher = createCipheriv(`aes-${8 * key.length}-cbc`, key, ZEROS).setAutoPadding(false);
  return Buffer.concat([cipher.update(bytes), cipher.final()]);
}

function decryptBlocks(key: Uint8Array, bytes: Buffer): Buffer {
  const cipher = createDecipheriv(`aes-${8 * key.length}-cbc`, key, ZEROS).setAutoPadding(false);
  return Buffer.concat([cipher.update(bytes), cipher.final()]);
}
