// A file of tickets, as kinit writes it: version 4 of
// https://web.mit.edu/kerberos/krb5-latest/doc/formats/ccache_file_format.html

import type { Key } from './encryption.js';

/** A principal's parts, as bytes of nobody's checking. */
export interface Name {
  readonly realm: Buffer;
  readonly parts: readonly Buffer[];
}

/** A ticket, and the key that only its owner and the service know. */
export interface Credentials {
  readonly client: Name;
  readonly service: Name;
  readonly key: Key;
  /** As it came: a Ticket of RFC 4120, 5.3. */
  readonly ticket: Buffer;
}

/** All tickets in the file, in its order. Throws a RangeError for another format. */
export function readCredentials(file: Buffer): Credentials[] {
  const reader = new Reader(file);
  if (reader.number(2) !== 0x0504) throw new RangeError('Not a credential cache of version 4');
  reader.bytes(reader.number(2)); // tags of the header
  reader.name(); // whose cache it is
  const all: Credentials[] = [];
  while (!reader.atEnd) all.push(reader.credentials());
  return all;
}

class Reader {
  readonly #file: Buffer;
  #at = 0;

  constructor(file: Buffer) {
    this.#file = file;
  }

  get atEnd(): boolean {
    return this.#at === this.#file.length;
  }

  number(size: number): number {
    this.#at += size;
    return this.#file.readUIntBE(this.#at - size, size);
  }

  bytes(length: number): Buffer {
    this.#at += length;
    if (this.#at > this.#file.length) throw new RangeError('A credential cache that is cut');
    return this.#file.subarray(this.#at - length, this.#at);
  }

  data(): Buffer {
    return this.bytes(this.number(4));
  }

  list<T>(read: () => T): T[] {
    return Array.from({ length: this.number(4) }, read);
  }

  name(): Name {
    this.number(4); // its type
    const count = this.number(4);
    const realm = this.data();
    return { realm, parts: Array.from({ length: count }, () => this.data()) };
  }

  credentials(): Credentials {
    const client = this.name();
    const service = this.name();
    const key = { enctype: this.number(2), bytes: this.data() };
    this.bytes(4 * 4 + 1 + 4); // times, whether for user-to-user, flags
    const typed = () => [this.number(2), this.data()];
    this.list(typed); // addresses
    this.list(typed); // authorization data
    const ticket = this.data();
    this.data(); // the second ticket
    return { client, service, key, ticket };
  }
}
