// Many verifications at once, called from one thread and from several.

import assert from 'node:assert/strict';
import type { Verdict } from 'kpass';
import type { Realm } from 'kpass/testing';
import { prelude, runProgram } from '../support/child';
import { startWorld } from '../support/realms';
import { kpassIn, verifierFor } from '../support/subject';

describe('many verifications', () => {
  let realm: Realm;
  before(async () => {
    realm = await startWorld();
  });
  after(() => realm?.stop());

  it('each have the right outcome, 500 at once', async () => {
    const verifier = verifierFor(realm);
    const keyless = verifierFor(realm, { keytab: '/nonexistent' });
    const kinds: [() => Promise<Verdict>, string][] = [
      [() => verifier.verify('alice', 'wonderland'), 'alice@EXAMPLE.COM'],
      [() => verifier.verify('alice', 'wrong'), 'credentials'],
      [() => verifier.verify('alice/admin', 'looking glass'), 'alice/admin@EXAMPLE.COM'],
      [() => verifier.verify('nobody', 'wonderland'), 'credentials'],
      [() => verifier.verify('nopreauth', 'wonderland'), 'nopreauth@EXAMPLE.COM'],
      [() => verifier.verify('nopreauth', 'wrong'), 'credentials'],
      [() => verifier.verify('disabled', 'wonderland'), 'disabled'],
      [() => verifier.verify('mustchange', 'wonderland'), 'expired'],
      [() => verifier.verify('', 'wonderland'), 'credentials'],
      [() => keyless.verify('alice', 'wonderland'), 'ERR_KPASS_KEYTAB'],
    ];
    const results = await Promise.all(
      Array.from({ length: 500 }, async (_, i) => {
        const [verify, expected] = kinds[i % kinds.length] ?? assert.fail();
        const result = await verify().then(
          (verdict) => (verdict.verified ? verdict.principal : verdict.reason),
          (error) => error.code,
        );
        return { result, expected };
      }),
    );
    for (const { result, expected } of results) assert.equal(result, expected);
    const { verified, denied, failed, threads } = verifier.stats;
    assert.deepEqual({ verified, denied, failed }, { verified: 150, denied: 300, failed: 0 });
    assert(threads <= 32);
    assert.equal(keyless.stats.failed, 50);
  });

  it('stats can be read, and calls aborted, at any moment', async () => {
    // Under ThreadSanitizer, this test finds a lock that the pool forgot.
    const verifier = verifierFor(realm, { threads: 4 });
    let live = true;
    const watch = () => {
      const { active, stalled, queued, threads } = verifier.stats;
      assert(active <= 4 && active + stalled <= threads && queued <= 40);
      if (live) setImmediate(watch);
    };
    watch();
    const results = await Promise.all(
      Array.from({ length: 40 }, async (_, i) => {
        const abort = new AbortController();
        const call = verifier.verify('alice', 'wonderland', { signal: abort.signal });
        if (i % 2) setTimeout(() => abort.abort(), 3 * i);
        return call.then(
          ({ verified }) => verified,
          (error) => error.name,
        );
      }),
    );
    live = false;
    for (const [i, result] of results.entries()) {
      assert(result === true || (i % 2 && result === 'AbortError'), `${i}: ${result}`);
    }
  });

  it('all calls of kpass() share one pool, whatever their settings', async () => {
    const calls = Array.from({ length: 100 }, (_, i) =>
      kpassIn(realm, 'alice', i % 2 ? 'wonderland' : 'wrong', {
        service: 'HTTP',
        realms: i % 3 ? ['EXAMPLE.COM'] : ['EXAMPLE.COM', 'OTHER.ORG'],
      }),
    );
    const values = await Promise.all(calls);
    assert.deepEqual(
      values.map(Number),
      Array.from({ length: 100 }, (_, i) => i % 2),
    );
  });

  it('run in four workers and the main thread at once', async () => {
    const worker = `${prelude}
      (async () => {
        const verifier = new Verifier(options);
        const results = await Promise.all(Array.from({ length: 50 }, (_, i) =>
          i % 4 < 2
            ? kpass('alice', i % 2 ? 'wonderland' : 'x', 'HTTP', 'localhost', keytab, { config })
            : verifier.verify('alice', i % 2 ? 'wonderland' : 'x').then((v) => v.verified)));
        parentPort.postMessage(results.every((value, i) => value === (i % 2 === 1)));
      })();`;
    const { code, signal, stdout, stderr } = await runProgram(
      realm,
      `const source = ${JSON.stringify(worker)};
       const run = () => new Promise((resolve, reject) => {
         const worker = new Worker(source, { eval: true });
         let answer;
         worker.on('message', (value) => { answer = value; });
         worker.on('error', reject);
         worker.on('exit', () => resolve(answer));
       });
       const own = kpass('alice', 'wonderland', 'HTTP', 'localhost', keytab, { config });
       Promise.all([run(), run(), run(), run(), own])
         .then((all) => console.log(all.join(' ')));`,
    );
    assert.deepEqual({ code, signal, stderr }, { code: 0, signal: null, stderr: '' });
    assert.equal(stdout.trim(), 'true true true true true');
  });

  it('idle threads end after some seconds, and come back', async () => {
    const verifier = verifierFor(realm, { threads: 4 });
    const four = () => Promise.all([1, 2, 3, 4].map(() => verifier.verify('alice', 'wonderland')));
    await four();
    assert(verifier.stats.threads > 0);
    for (let waited = 0; verifier.stats.threads > 0; waited++) {
      assert(waited < 200, JSON.stringify(verifier.stats));
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    assert((await four()).every(({ verified }) => verified));
  });

  it('the threads of a garbage-collected verifier end', async () => {
    const { code, stdout } = await runProgram(
      realm,
      `const threads = () => require('node:fs').readdirSync('/proc/self/task').length;
       (async () => {
         await kpass('alice', 'wonderland', 'HTTP', 'localhost', keytab, { config });
         let verifiers = Array.from({ length: 50 }, () => new Verifier(options));
         await Promise.all(verifiers.map((each) => each.verify('alice', 'wonderland')));
         const before = threads();
         verifiers = undefined;
         for (let i = 0; i < 20 && threads() > before - 45; i++) { gc(); await sleep(100); }
         console.log(threads() <= before - 45 ? 'gone' : before + ' ' + threads());
       })();`.replace(
        'gc()',
        "require('node:v8').setFlagsFromString('--expose-gc'), require('node:vm').runInNewContext('gc')()",
      ),
    );
    assert.equal(code, 0);
    assert.equal(stdout.trim(), 'gone');
  });

  it('no call gets the verdict of another when kpass is loaded twice with one addon', async () => {
    // jest evaluates JavaScript again for each test file, but not addons.
    const { stdout } = await runProgram(
      realm,
      `const first = new Verifier(options).verify('alice', 'wonderland');
       for (const file of Object.keys(require.cache)) {
         if (file.endsWith('.js')) delete require.cache[file];
       }
       const again = require('kpass');
       const second = new again.Verifier(options).verify('mary ann', 'wrong');
       Promise.all([first, second, again.Verifier === Verifier])
         .then((all) => console.log(JSON.stringify(all)));`,
    );
    assert.deepEqual(JSON.parse(stdout), [
      { verified: true, principal: 'alice@EXAMPLE.COM', realm: 'EXAMPLE.COM' },
      { verified: false, reason: 'credentials' },
      false,
    ]);
  });

  it('the next verification sees a change of krb5.conf', async () => {
    const { writeFile, readFile } = await import('node:fs/promises');
    const config = await realm.writeConfig({ more: '' });
    const good = await readFile(config, 'utf8');
    const verifier = verifierFor(realm, { config, threads: 1 });
    assert.equal((await verifier.verify('alice', 'wonderland')).verified, true);
    await writeFile(config, good.replaceAll(String(realm.port), '1'));
    await assert.rejects(verifier.verify('alice', 'wonderland'), { code: 'ERR_KPASS_KDC' });
    await writeFile(config, good);
    assert.equal((await verifier.verify('alice', 'wonderland')).verified, true);
  });
});
