// Passes a password to the native side by way of memory that is not in V8's heap.
//
// V8 keeps a typed array of up to 64 bytes inside its heap. When native code asks for the address of
// the bytes, V8 copies them out of the heap. The first copy then stays where no caller can wipe it.

import { MAX_PASSWORD_BYTES } from './credentials.js';

/** The memory of an ArrayBuffer is never in V8's heap. */
const offHeap = new Uint8Array(new ArrayBuffer(MAX_PASSWORD_BYTES));
const alsoOffHeap = new Uint8Array(new ArrayBuffer(MAX_PASSWORD_BYTES));

/** So many bytes outside of V8's heap, for a password that is wiped later. */
export function bytesOffHeap(length: number): Uint8Array {
  return new Uint8Array(new ArrayBuffer(length));
}

/** Calls `use` with a copy of the bytes that native code may read, then wipes the copy. */
export function withBytesOffHeap<Result>(
  password: string | Uint8Array,
  use: (bytes: string | Uint8Array) => Result,
): Result {
  return withCopy(offHeap, password, use);
}

/** The same for two passwords. */
export function withBothOffHeap<Result>(
  one: string | Uint8Array,
  two: string | Uint8Array,
  use: (one: string | Uint8Array, two: string | Uint8Array) => Result,
): Result {
  return withCopy(offHeap, one, (first) =>
    withCopy(alsoOffHeap, two, (second) => use(first, second)),
  );
}

function withCopy<Result>(
  memory: Uint8Array,
  password: string | Uint8Array,
  use: (bytes: string | Uint8Array) => Result,
): Result {
  if (typeof password === 'string') return use(password);
  const bytes = memory.subarray(0, password.length);
  bytes.set(password);
  try {
    return use(bytes);
  } finally {
    bytes.fill(0);
    overwriteStack();
  }
}

/** Arguments are pushed on the stack: so many zeros overwrite 2 kB of what ended calls left there. */
const ZEROS = new Array<number>(256).fill(0);

/** Calls that read the password leave pieces of it below the frames in use. */
function overwriteStack(): void {
  // abs() reads the first one only, so most of the cost is the pushing.
  Math.abs.apply(null, ZEROS as unknown as [number]);
}
