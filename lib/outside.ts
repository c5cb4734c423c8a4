// A password's way to the native side, past V8's heap.
//
// V8 keeps a typed array of up to 64 bytes inside its heap. When native code asks where its bytes
// are, V8 moves them out, and leaves what was inside where no caller can wipe it.

import { MAX_PASSWORD_BYTES } from './arguments.js';

/** Outside from the start: an ArrayBuffer is. */
const outside = new Uint8Array(new ArrayBuffer(MAX_PASSWORD_BYTES));

/** What `use` gives back, called with a copy of the bytes that native code may look at; wiped then. */
export function withBytesOutside<Result>(
  password: string | Uint8Array,
  use: (bytes: string | Uint8Array) => Result,
): Result {
  if (typeof password === 'string') return use(password);
  const bytes = outside.subarray(0, password.length);
  bytes.set(password);
  try {
    return use(bytes);
  } finally {
    bytes.fill(0);
  }
}
