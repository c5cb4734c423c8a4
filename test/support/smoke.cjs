// Tries an installed kpass where the tests cannot run, as under qemu. It gets each kind of outcome once,
// from a real KDC.
//
// usage: node test/support/smoke.cjs      (in the folder of a project that has kpass installed)

const assert = require('node:assert/strict');
const { createRequire } = require('node:module');
const { join } = require('node:path');

const load = createRequire(join(process.cwd(), 'package.json'));
const { KpassError, kpass, Verifier } = load('kpass');
const { Realm } = load('kpass/testing');

const settings = (realm, keytab = realm.keytab('HTTP/localhost')) => ({
  service: 'HTTP',
  host: 'localhost',
  keytab,
  config: realm.config,
  timeout: 60_000, // string-to-key is slow under qemu
});

async function main() {
  const realm = await Realm.start({ users: { alice: 'wonderland' } });
  const impostor = await Realm.start({ users: { alice: 'forged' } });
  const verifier = new Verifier(settings(realm));

  const right = await verifier.verify('alice', 'wonderland');
  assert.deepEqual(right, { verified: true, principal: 'alice@EXAMPLE.COM', realm: 'EXAMPLE.COM' });
  const wrong = await verifier.verify('alice', new TextEncoder().encode('looking-glass'));
  assert.deepEqual(wrong, { verified: false, reason: 'credentials' });

  const code = (promise) =>
    promise.then(assert.fail, (error) => error instanceof KpassError && error.code);
  const keytab = realm.keytab('HTTP/localhost');
  const deceived = new Verifier(settings(impostor, keytab));
  assert.equal(await code(deceived.verify('alice', 'forged')), 'ERR_KPASS_UNVERIFIED');
  const missing = new Verifier(settings(realm, '/nowhere.keytab'));
  assert.equal(await code(missing.verify('alice', 'wonderland')), 'ERR_KPASS_KEYTAB');
  await realm.stop(); // removes its krb5.conf as well
  assert.equal(await code(verifier.verify('alice', 'wonderland')), 'ERR_KPASS_CONFIG');

  const other = await Realm.start({ users: { alice: 'wonderland' } });
  const { config } = other;
  const call = () =>
    kpass('alice', 'wonderland', 'HTTP', 'localhost', other.keytab('HTTP/localhost'), { config });
  assert.deepEqual(await Promise.all(Array.from({ length: 8 }, call)), Array(8).fill(true));
  await Promise.all([impostor.stop(), other.stop()]);

  const addon = Object.keys(require.cache).find((path) => path.endsWith('.node'));
  const file = addon?.replace(/.*kpass\//, '');
  console.log(
    `kpass works on ${process.platform}-${process.arch}, Node ${process.version}, from ${file}`,
  );
}

main();
