// The part of DER that the fault proxy needs to read a Kerberos message and to forge an error (RFC
// 4120, section 5). A field is found by its context tag, which is its number in the RFC.

interface Element {
  tag: number;
  content: Buffer;
  /** The element with its tag and length. */
  whole: Buffer;
  rest: Buffer;
}

function read(bytes: Buffer): Element {
  const tag = bytes[0] ?? 0;
  const short = bytes[1] ?? 0;
  const lengthBytes = short & 0x80 ? short & 0x7f : 0;
  const start = 2 + lengthBytes;
  const end = start + (lengthBytes ? bytes.readUIntBE(2, lengthBytes) : short);
  if (end > bytes.length) throw new RangeError('A DER element ends after its bytes');
  const whole = bytes.subarray(0, end);
  return { tag, content: bytes.subarray(start, end), whole, rest: bytes.subarray(end) };
}

/** The content of an element, such as the one value inside an application or context tag. */
export function inside(element: Buffer): Buffer {
  return read(element).content;
}

/** The value of field `[n]` of a SEQUENCE, with its own tag and length; undefined if absent. */
export function field(sequence: Buffer, n: number): Buffer | undefined {
  for (let rest = inside(sequence); rest.length > 0; ) {
    const element = read(rest);
    if (element.tag === (0xa0 | n)) return element.content;
    rest = element.rest;
  }
  return undefined;
}

/** An element: its tag, its length, and its parts. */
export function element(tag: number, ...parts: Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const length = content.length;
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), content]);
  return Buffer.concat([Buffer.from([tag, 0x82, length >> 8, length & 0xff]), content]);
}

/** Field `[n]` of a SEQUENCE. */
export function tagged(n: number, value: Buffer): Buffer {
  return element(0xa0 | n, value);
}

export function integer(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  let start = 0;
  while (start < 3 && bytes.readInt8(start) === (bytes.readInt8(start + 1) < 0 ? -1 : 0))
    start += 1;
  return element(0x02, bytes.subarray(start));
}

/** KerberosTime: to the second, in UTC. */
export function time(date: Date): Buffer {
  return element(0x18, Buffer.from(date.toISOString().replaceAll(/[-:T]|\.\d+/g, ''), 'latin1'));
}
