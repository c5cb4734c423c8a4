// Reads the hash of a certificate's signature (RFC 5280, 4.1.1.2). Node's X509Certificate does not tell it.

/** By the object identifier of the signature's algorithm, or of the hash itself. In hexadecimal. */
const HASHES: Readonly<Record<string, string>> = {
  // RFC 8017, A.2.4: RSA with PKCS #1 v1.5.
  '2a864886f70d010104': 'md5',
  '2a864886f70d010105': 'sha1',
  '2a864886f70d01010e': 'sha224',
  '2a864886f70d01010b': 'sha256',
  '2a864886f70d01010c': 'sha384',
  '2a864886f70d01010d': 'sha512',
  // RFC 3279, 2.2.3 and RFC 5758, 3.2: ECDSA.
  '2a8648ce3d0401': 'sha1',
  '2a8648ce3d040301': 'sha224',
  '2a8648ce3d040302': 'sha256',
  '2a8648ce3d040303': 'sha384',
  '2a8648ce3d040304': 'sha512',
  // RFC 5758, 3.1: DSA.
  '2a8648ce380403': 'sha1',
  '608648016503040301': 'sha224',
  '608648016503040302': 'sha256',
  // RFC 8017, B.1: the hashes themselves.
  '2a864886f70d0205': 'md5',
  '2b0e03021a': 'sha1',
  '608648016503040204': 'sha224',
  '608648016503040201': 'sha256',
  '608648016503040202': 'sha384',
  '608648016503040203': 'sha512',
};

/** RFC 4055, 3.1: RSA-PSS names its hash in its parameters. */
const RSA_PSS = '2a864886f70d01010a';

const OBJECT_IDENTIFIER = 0x06;
const SEQUENCE = 0x30;
const HASH_OF_PSS = 0xa0;

/** As Node's createHash names it. Null: no single hash (Ed25519), or an algorithm unknown here. */
export function signatureHash(certificate: Uint8Array): string | null {
  // Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signature }
  const [, algorithm] = partsOf(partsOf(certificate)[0]?.bytes);
  const [identifier, parameters] = partsOf(algorithm?.bytes);
  if (algorithm?.tag !== SEQUENCE || identifier?.tag !== OBJECT_IDENTIFIER) return null;
  const name = hex(identifier.bytes);
  return (name === RSA_PSS ? hashOfPss(parameters) : HASHES[name]) ?? null;
}

/** RSASSA-PSS-params ::= SEQUENCE { hashAlgorithm [0] DEFAULT sha1, … } */
function hashOfPss(parameters: Element | undefined): string | undefined {
  const [first] = partsOf(parameters?.bytes);
  if (first?.tag !== HASH_OF_PSS) return 'sha1';
  const [identifier] = partsOf(partsOf(first.bytes)[0]?.bytes);
  return identifier && HASHES[hex(identifier.bytes)];
}

interface Element {
  readonly tag: number;
  readonly bytes: Uint8Array;
}

/** The elements of DER that stand one after the other. What is no DER ends them. */
function partsOf(bytes: Uint8Array = new Uint8Array()): Element[] {
  const elements: Element[] = [];
  for (let at = 0; at + 2 <= bytes.length; ) {
    const tag = bytes[at] as number;
    let length = bytes[at + 1] as number;
    at += 2;
    if (length >= 0x80) {
      const end = at + (length & 0x7f);
      for (length = 0; at < end; at++) length = length * 256 + (bytes[at] ?? 0);
    }
    elements.push({ tag, bytes: bytes.subarray(at, at + length) });
    at += length;
  }
  return elements;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
