// As much of DER as tokens need (X.690; RFC 4120, 5; RFC 4178, 4.2).

/** An element of a tag and of parts. */
export function element(tag: number, ...parts: Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([tag, ...lengthBytes(content.length)]), content]);
}

function lengthBytes(length: number): number[] {
  if (length < 0x80) return [length];
  const bytes: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return [0x80 | bytes.length, ...bytes];
}

/** Field `[n]` of a SEQUENCE. */
export const tagged = (n: number, value: Uint8Array) => element(0xa0 | n, value);
export const sequence = (...parts: Uint8Array[]) => element(0x30, ...parts);
export const octets = (bytes: Uint8Array) => element(0x04, bytes);
export const enumerated = (value: number) => element(0x0a, Buffer.from([value]));
export const generalString = (text: string | Uint8Array) => element(0x1b, Buffer.from(text));
/** 32 bits, of which the first is bit 0. */
export const bits = (value: number) => element(0x03, Buffer.from([0]), word(value));

/** An INTEGER of 32 bits with a sign, or of fewer than 48 without one. */
export function integer(value: number): Buffer {
  const bytes = Buffer.alloc(6);
  bytes.writeIntBE(value, 0, 6);
  let start = 0;
  while (start < 5 && bytes.readInt8(start) === (bytes.readInt8(start + 1) < 0 ? -1 : 0)) start++;
  return element(0x02, bytes.subarray(start));
}

/** KerberosTime: to the second, in UTC. */
export function time(date: Date): Buffer {
  return element(0x18, Buffer.from(date.toISOString().replaceAll(/[-:T]|\.\d+/g, '')));
}

/** An OBJECT IDENTIFIER, '1.2.840.113554.1.2.2'. */
export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  return element(0x06, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

function base128(value: number): number[] {
  const digits = [value % 128];
  for (let rest = value >> 7; rest > 0; rest >>= 7) digits.unshift((rest % 128) | 0x80);
  return digits;
}

function word(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value | 0);
  return bytes;
}
