/** A keytab file that looks right and is not. */

/** The same keytab with the last byte of each key turned over: names and key versions are right. */
export function withWrongKeys(keytab: Uint8Array): Buffer {
  const bytes = Buffer.from(keytab);
  // After two bytes of file version, each entry follows its length; it ends with the key and, in
  // four bytes, the key version. A negative length is that of a hole.
  for (let start = 2; start < bytes.length; ) {
    const length = bytes.readInt32BE(start);
    const end = start + 4 + Math.abs(length);
    const last = end - 5;
    if (length > 0) bytes.writeUInt8(bytes.readUInt8(last) ^ 0xff, last);
    start = end;
  }
  return bytes;
}
