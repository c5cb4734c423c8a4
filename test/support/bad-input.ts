// Names and passwords that can never be right. They are denied before any packet leaves.

const RIGHT = 'wonderland';
const bytes = (...values: number[]) => Uint8Array.from(values);
const text = (value: string) => new TextEncoder().encode(value);

/** [what is wrong, user, password]. `alice` has the password `wonderland`. */
export const BAD_INPUTS: readonly (readonly [string, string, string | Uint8Array])[] = [
  // Empty
  ['an empty password', 'alice', ''],
  ['an empty password, as bytes', 'alice', new Uint8Array()],
  ['an empty password, as a Buffer', 'alice', Buffer.alloc(0)],
  ['an empty name', '', RIGHT],
  ['both empty', '', ''],
  ['an empty name before the realm', '@EXAMPLE.COM', RIGHT],
  ['an empty realm', 'alice@', RIGHT],
  ['a name of a space', ' ', RIGHT],
  ['a name of blanks', '\u00a0\u2003\u3000', RIGHT],
  ['blanks before the realm', '  @EXAMPLE.COM', RIGHT],
  ['a realm of a space', 'alice@ ', RIGHT],
  ['the right name, with more than 256 bytes of blanks', `${' '.repeat(252)}alice`, RIGHT],
  ['a name between 10 MB of blanks', `${' '.repeat(5e6)}a${' '.repeat(5e6)}b`, RIGHT],
  ['only an @', '@', RIGHT],

  // NUL, which ends a string in C
  ['NUL and junk after the right password', 'alice', `${RIGHT}\0junk`],
  ['NUL after the right password', 'alice', `${RIGHT}\0`],
  ['NUL before the right password', 'alice', `\0${RIGHT}`],
  ['a password of NUL alone', 'alice', '\0'],
  ['NUL after the right password, as bytes', 'alice', text(`${RIGHT}\0junk`)],
  ['a password of NUL alone, as bytes', 'alice', bytes(0)],
  ['NUL after the name', 'alice\0', RIGHT],
  ['NUL and junk after the name', 'alice\0junk', RIGHT],
  ['NUL before the name', '\0alice', RIGHT],
  ['NUL within the name', 'ali\0ce', RIGHT],
  ['NUL after the realm', 'alice@EXAMPLE.COM\0', RIGHT],
  ['NUL before the realm', 'alice\0@EXAMPLE.COM', RIGHT],

  // The backslash escapes in principal names
  ['an escaped @', 'alice\\@EXAMPLE.COM', RIGHT],
  ['an escaped NUL', 'alice\\0', RIGHT],
  ['an escaped line feed', 'alice\\n', RIGHT],
  ['an escaped letter', '\\alice', RIGHT],
  ['an escaped slash', 'alice\\/admin', 'looking glass'],
  ['a backslash at the end', 'alice\\', RIGHT],
  ['an escape in the realm', 'alice@EXAMPLE\\.COM', RIGHT],
  ['a domain as Windows writes it', 'EXAMPLE\\alice', RIGHT],
  ['a domain and a realm', 'EXAMPLE\\alice@EXAMPLE.COM', RIGHT],
  ['a backslash at the beginning', '\\', RIGHT],

  // Control characters
  ['a line feed after the name', 'alice\n', RIGHT],
  ['a line feed before the name', '\nalice', RIGHT],
  ['a carriage return in the name', 'ali\rce', RIGHT],
  ['a tab in the name', 'alice\t', RIGHT],
  ['a bell in the name', 'alice\x07', RIGHT],
  ['an escape sequence in the name', '\x1b[31malice', RIGHT],
  ['DEL in the name', 'alice\x7f', RIGHT],
  ['a C1 control in the name', 'alice\x85', RIGHT],
  ['the first control', '\x01', RIGHT],
  ['a control in the realm', 'alice@EXAMPLE.COM\n', RIGHT],

  // Too long
  ['a password of 1,025 bytes', 'alice', 'x'.repeat(1025)],
  ['a password of 1,025 bytes, as bytes', 'alice', new Uint8Array(1025).fill(120)],
  ['a password of 513 characters, 1,026 bytes', 'alice', 'ä'.repeat(513)],
  ['a password of 10 MB', 'alice', 'x'.repeat(10_000_000)],
  ['a password of 10 MB, as bytes', 'alice', new Uint8Array(10_000_000).fill(120)],
  ['a name of 257 bytes', 'a'.repeat(257), RIGHT],
  ['a name of 129 characters, 258 bytes', 'ä'.repeat(129), RIGHT],
  ['a name that is too long with its realm', `${'a'.repeat(250)}@EXAMPLE.COM`, RIGHT],
  ['a name of 10 MB', 'a'.repeat(10_000_000), RIGHT],

  // Not UTF-8
  ['a lone high surrogate in the password', 'alice', 'wonder\ud800land'],
  ['a lone low surrogate in the password', 'alice', 'wonderland\udc00'],
  ['surrogates in the wrong order', 'alice', '\udc00\ud800'],
  ['a lone surrogate in the name', 'alice\ud800', RIGHT],
  ['a lone surrogate in the realm', 'alice@EXAMPLE\udfff', RIGHT],
  ['a byte that UTF-8 never has', 'alice', bytes(0x77, 0xff)],
  ['Latin-1', 'alice', bytes(0x70, 0xe4, 0x73, 0x73)],
  ['a sequence cut short', 'alice', bytes(0x77, 0xc3)],
  ['a continuation byte alone', 'alice', bytes(0x80)],
  ['an overlong slash', 'alice', bytes(0xc0, 0xaf)],
  ['an overlong NUL', 'alice', bytes(0x77, 0xc0, 0x80)],
  ['a surrogate in UTF-8', 'alice', bytes(0xed, 0xa0, 0x80)],
  ['a code point past the last', 'alice', bytes(0xf4, 0x90, 0x80, 0x80)],

  // The realm
  ['a second @', 'alice@EXAMPLE.COM@EXAMPLE.COM', RIGHT],
  ['two @ in a row', 'alice@@EXAMPLE.COM', RIGHT],
  ['a second @, and a foreign realm', 'alice@EXAMPLE.COM@EVIL.ORG', RIGHT],
  ['a mail address for a name', 'alice@mail.example@EXAMPLE.COM', RIGHT],
  ['a foreign realm', 'alice@EVIL.ORG', RIGHT],
  ['a realm that begins like the right one', 'alice@EXAMPLE.COM.EVIL.ORG', RIGHT],
  ['a realm that is the beginning of the right one', 'alice@EXAMPLE', RIGHT],
  ['the realm with a space in it', 'alice@EXAMPLE .COM', RIGHT],
  ['a foreign realm in small letters', 'alice@evil.org', RIGHT],
  ['the realm with a dot', 'alice@EXAMPLE.COM.', RIGHT],
  ['an address for a realm', 'alice@127.0.0.1', RIGHT],
  ['the anonymous realm', 'alice@WELLKNOWN:ANONYMOUS', RIGHT],

  // Names that belong to no user
  ['anonymous', 'WELLKNOWN/ANONYMOUS', RIGHT],
  ['anonymous, with its realm', 'WELLKNOWN/ANONYMOUS@EXAMPLE.COM', RIGHT],
  ['anonymous of the anonymous realm', 'WELLKNOWN/ANONYMOUS@WELLKNOWN:ANONYMOUS', RIGHT],
  ['anonymous, in small letters', 'wellknown/anonymous', RIGHT],
  ['well-known, and no more', 'WELLKNOWN', RIGHT],
  ['another well-known name', 'WELLKNOWN/ORG.H5L.FOO', RIGHT],
];
