// HMAC-SHA-256 (RFC 2104) by crypto.hash(): createHmac() makes an object for each HMAC, which costs
// more than the hashes do. test/http/hmac.test.ts compares both.

import * as crypto from 'node:crypto';

/** Bytes that SHA-256 takes at a time. */
const BLOCK = 64;
const OUTPUT = 32;

export class Hmac {
  /** Each is a block of the key, and the bytes to hash after it. Too large for V8's heap: off-heap.ts. */
  readonly #inner: Buffer;
  readonly #outer: Buffer;

  /** The key has a block at most; `longest` is the number of bytes of the longest message. */
  constructor(key: Uint8Array, longest: number) {
    this.#inner = Buffer.alloc(BLOCK + longest, 0x36, 'latin1');
    this.#outer = Buffer.alloc(BLOCK + OUTPUT, 0x5c, 'latin1');
    for (const [i, byte] of key.entries()) {
      (this.#inner[i] as number) ^= byte;
      (this.#outer[i] as number) ^= byte;
    }
  }

  /** The HMAC of the text in UTF-8 and the secret after it, as a string of bytes. */
  of(text: string, secret: Uint8Array): string {
    const inner = this.#inner;
    // write() would write a part of a text that is too long.
    const length = Buffer.byteLength(text) + secret.length;
    if (length > inner.length - BLOCK) throw new RangeError(`${length} bytes are too long`);
    const at = BLOCK + inner.write(text, BLOCK);
    const end = at + secret.length;
    inner.set(secret, at);
    const hashed = sha256(inner.subarray(0, end));
    inner.fill(0, BLOCK, end);
    this.#outer.write(hashed, BLOCK, 'binary');
    return sha256(this.#outer);
  }
}

// Node has crypto.hash() since 20.12.
const sha256: (bytes: Uint8Array) => string =
  (crypto.hash as typeof crypto.hash | undefined) === undefined
    ? (bytes) => crypto.createHash('sha256').update(bytes).digest('binary')
    : (bytes) => crypto.hash('sha256', bytes, 'binary');
