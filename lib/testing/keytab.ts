// A keytab file that looks right and is not.

/** The same keytab with the last byte of each key inverted: names and key versions stay right. */
export function withWrongKeys(keytab: Uint8Array): Buffer {
  const bytes = Buffer.from(keytab);
  // The file starts with two bytes of version. Each entry follows its length, and ends with the key
  // and four bytes of key version. A negative length marks a hole.
  for (let start = 2; start < bytes.length; ) {
    const length = bytes.readInt32BE(start);
    const end = start + 4 + Math.abs(length);
    const last = end - 5;
    if (length > 0) bytes.writeUInt8(bytes.readUInt8(last) ^ 0xff, last);
    start = end;
  }
  return bytes;
}
