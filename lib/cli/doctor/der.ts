// The part of DER that Kerberos messages need (RFC 4120, 5), for doctor and for the tests' KDCs. A field
// is found by its context tag, as the RFC numbers it. The bytes come from the network: malformed ones
// throw a RangeError.

interface Element {
  tag: number;
  content: Buffer;
  rest: Buffer;
}

function read(bytes: Buffer): Element {
  const tag = bytes.readUInt8(0);
  const short = bytes.readUInt8(1);
  const lengthBytes = short & 0x80 ? short & 0x7f : 0;
  if (lengthBytes > 4) throw new RangeError('a DER element of over 4 GB');
  const start = 2 + lengthBytes;
  const end = start + (lengthBytes > 0 ? bytes.readUIntBE(2, lengthBytes) : short);
  if (end > bytes.length) throw new RangeError('a DER element ends after its bytes');
  return { tag, content: bytes.subarray(start, end), rest: bytes.subarray(end) };
}

/** The content of an element, such as the value inside an application or context tag. */
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

/** An INTEGER of up to six bytes. */
export function number(element: Buffer): number {
  const content = inside(element);
  return content.readIntBE(0, content.length);
}

/** A KerberosTime, '20261124031500Z', in ms since 1970. */
export function instant(element: Buffer): number {
  const digits = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(
    inside(element).toString('latin1'),
  );
  if (digits === null) throw new RangeError('not a KerberosTime');
  const [year = 0, month = 0, ...rest] = digits.slice(1).map(Number);
  return Date.UTC(year, month - 1, ...rest);
}

/** An element with a tag. Its content, all parts together, is under 64 KB. */
export function element(tag: number, ...parts: Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const length = content.length;
  const head = length < 0x80 ? [tag, length] : [tag, 0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from(head), content]);
}

/** Field `[n]` of a SEQUENCE. */
export const tagged = (n: number, value: Buffer) => element(0xa0 | n, value);
export const sequence = (...parts: Buffer[]) => element(0x30, ...parts);
export const generalString = (text: string) => element(0x1b, Buffer.from(text));

/** A KerberosTime: to the second, in UTC. */
export function time(date: Date): Buffer {
  return element(0x18, Buffer.from(date.toISOString().replaceAll(/[-:T]|\.\d+/g, ''), 'latin1'));
}

/** An INTEGER of 32 bits, in as few bytes as DER demands. */
export function integer(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  let start = 0;
  while (start < 3 && bytes.readInt8(start) === (bytes.readInt8(start + 1) < 0 ? -1 : 0)) {
    start += 1;
  }
  return element(0x02, bytes.subarray(start));
}
