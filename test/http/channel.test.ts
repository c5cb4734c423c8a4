// The hash of a certificate to which clients bind their tokens (RFC 5929, 4.1), for each kind of
// signature. OpenSSL makes the certificates.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { channelFor } from '../../lib/http/channel';

const RSA = ['-newkey', 'rsa:2048'];
const PSS = [...RSA, '-sigopt', 'rsa_padding_mode:pss'];
const ec = (curve: string) => ['-newkey', 'ec', '-pkeyopt', `ec_paramgen_curve:${curve}`];

/** By name: how OpenSSL makes the certificate, and the hash. Null: none. */
const CERTIFICATES: Record<string, [string[], string | null]> = {
  'RSA with MD5': [[...RSA, '-md5'], 'sha256'],
  'RSA with SHA-1': [[...RSA, '-sha1'], 'sha256'],
  'RSA with SHA-224': [[...RSA, '-sha224'], 'sha224'],
  'RSA with SHA-256': [[...RSA, '-sha256'], 'sha256'],
  'RSA with SHA-384': [[...RSA, '-sha384'], 'sha384'],
  'RSA with SHA-512': [[...RSA, '-sha512'], 'sha512'],
  'ECDSA with SHA-1': [[...ec('P-256'), '-sha1'], 'sha256'],
  'ECDSA with SHA-256': [[...ec('P-256'), '-sha256'], 'sha256'],
  'ECDSA with SHA-384': [[...ec('P-384'), '-sha384'], 'sha384'],
  'ECDSA with SHA-512': [[...ec('P-521'), '-sha512'], 'sha512'],
  'RSA-PSS with SHA-1': [[...PSS, '-sha1'], 'sha256'],
  'RSA-PSS with SHA-256': [[...PSS, '-sha256'], 'sha256'],
  'RSA-PSS with SHA-384': [[...PSS, '-sha384'], 'sha384'],
  'RSA-PSS with SHA-512': [[...PSS, '-sha512'], 'sha512'],
  Ed25519: [['-newkey', 'ed25519'], null],
  Ed448: [['-newkey', 'ed448'], null],
};

describe('the channel of a certificate', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'kpass-channel-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  function make(options: readonly string[]): Buffer {
    const file = join(folder, 'certificate.pem');
    const key = join(folder, 'key.pem');
    const fixed = ['-x509', '-nodes', '-subj', '/CN=localhost', '-keyout', key, '-out', file];
    execFileSync('openssl', ['req', ...fixed, ...options], { stdio: 'pipe' });
    return new X509Certificate(readFileSync(file)).raw;
  }

  for (const [name, [options, hash]] of Object.entries(CERTIFICATES)) {
    it(`signed with ${name} has ${hash ?? 'no'} hash`, () => {
      const certificate = make(options);
      const channel = channelFor(certificate);
      if (hash === null) assert.equal(channel, null);
      else {
        const digest = createHash(hash).update(certificate).digest();
        assert.deepEqual(channel, Buffer.concat([Buffer.from('tls-server-end-point:'), digest]));
      }
    });
  }

  it('is none for bytes that are no certificate, whatever they are', () => {
    const certificate = make([...ec('P-256'), '-sha256']);
    for (const bytes of [[], [0x30], [0x30, 0x84, 0xff, 0xff, 0xff, 0xff], [0x30, 0x80, 0, 0]]) {
      assert.equal(channelFor(Uint8Array.from(bytes)), null);
    }
    for (let length = 0; length < certificate.length; length++) {
      channelFor(certificate.subarray(0, length));
    }
  });

  it('is none without a certificate', () => assert.equal(channelFor(null), null));
});
