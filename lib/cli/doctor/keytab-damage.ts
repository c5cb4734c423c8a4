// What has happened to a keytab on its way: it is binary, and copies of it as text are damaged.

import { readFileSync } from 'node:fs';
import { shellWord } from '../usage.js';

interface Damage {
  what: string;
  /** The commands that mend it, if it can be mended. */
  repair?: string[];
  /** Entries before the damage may be whole. */
  partial?: true;
}

/** The beginning of every keytab: its format, version 2. */
const HEAD = Buffer.of(5, 2);
/** U+FFFD in UTF-8: a byte that was no text stood here. */
const REPLACED = Buffer.of(0xef, 0xbf, 0xbd);
const HEAD_IN_BASE64 = 'BQI';

/** Null if the file's structure is that of a keytab. */
export function damageOf(path: string): Damage | null {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch {
    return null;
  }
  if (bytes.length === 0) return { what: 'not a keytab: it is empty' };
  const text = bytes.toString('latin1').trim();
  if (text.startsWith(HEAD_IN_BASE64) && /^[\w+/=\s]+$/.test(text)) {
    const [file, decoded] = [shellWord(path), shellWord(`${path}.decoded`)];
    return {
      what: 'not a keytab, but the base64 of one',
      repair: [
        'Decode it:',
        `(umask 077 && base64 -d ${file} > ${decoded} && mv ${decoded} ${file})`,
      ],
    };
  }
  if (isReplaced(bytes)) {
    return { what: 'a keytab that was copied as text, which has damaged it' };
  }
  if (!bytes.subarray(0, 2).equals(HEAD)) return null;
  return endsWithin(bytes)
    ? { what: 'a damaged keytab: an entry ends after the file', partial: true }
    : null;
}

/** One may be a part of a key by chance. Three are not. */
function isReplaced(bytes: Buffer): boolean {
  let at = -1;
  for (let count = 0; count < 3; count += 1) {
    at = bytes.indexOf(REPLACED, at + 1);
    if (at === -1) return false;
  }
  return true;
}

/** Each entry follows its length; a negative length is that of a hole. 0 ends the file. */
function endsWithin(bytes: Buffer): boolean {
  for (let at = HEAD.length; at < bytes.length; ) {
    if (at + 4 > bytes.length) return true;
    const length = bytes.readInt32BE(at);
    if (length === 0) return false;
    at += 4 + Math.abs(length);
    if (at > bytes.length) return true;
  }
  return false;
}

/** libkrb5 has a name for the encryption type. */
export const isKnown = (enctype: string): boolean => !/^(encryption type|enctype) /.test(enctype);
