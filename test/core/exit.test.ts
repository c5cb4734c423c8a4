// Whatever is in flight, a process or a worker ends at once, without a crash.

import assert from 'node:assert/strict';
import { Realm } from 'kpass/testing';
import { prelude, runProgram } from '../support/child';
import { FaultProxy } from '../support/fault-proxy';
import { USERS } from '../support/users';

const SLACK = 2_000 * Number(process.env.KPASS_SLOW ?? 1);

describe('ending with verifications in flight', () => {
  let realm: Realm;
  let silent: FaultProxy;
  before(async () => {
    const { sha2 } = USERS;
    realm = await Realm.start({ users: { alice: 'wonderland', sha2 } });
    silent = await FaultProxy.start(realm);
    await silent.use('silent');
  });
  after(async () => {
    await silent?.stop();
    await realm?.stop();
  });

  it('the process ends by itself when nothing is pending', async () => {
    const { code, stdout, endedIn } = await runProgram(
      realm,
      `kpass('alice', 'wonderland', 'HTTP', 'localhost', keytab, { config })
         .then((value) => { console.log(value); ending(); });`,
    );
    assert.equal(code, 0);
    assert.match(stdout, /^true$/m);
    assert(endedIn < SLACK, `${endedIn} ms`);
  });

  it('the process ends by itself after calls with many different timeouts', async () => {
    const { code, endedIn } = await runProgram(
      realm,
      `const verifier = new Verifier(options);
       (async () => {
         for (let i = 0; i < 20; i++) {
           await verifier.verify('alice', 'wonderland', { timeout: 60_000 + i });
         }
         ending();
       })();`,
    );
    assert.equal(code, 0);
    assert(endedIn < SLACK, `${endedIn} ms`);
  });

  it('a pending promise keeps the process alive, until its deadline', async () => {
    const { code, stdout } = await runProgram(
      realm,
      `new Verifier({ ...options, timeout: 300 }).verify('alice', 'x')
         .catch((error) => { console.log(error.code); ending(); });`,
      silent.config,
    );
    assert.equal(code, 0);
    assert.match(stdout, /^ERR_KPASS_TIMEOUT$/m);
  });

  it('a stalled thread does not keep the process alive', async () => {
    const { code, endedIn } = await runProgram(
      realm,
      `new Verifier({ ...options, timeout: 100 }).verify('alice', 'x').catch(ending);`,
      silent.config,
    );
    assert.equal(code, 0);
    assert(endedIn < SLACK, `${endedIn} ms`);
  });

  it('process.exit() ends the process at once, with the requested status', async () => {
    const { code, signal, endedIn } = await runProgram(
      realm,
      `for (let i = 0; i < 64; i++) kpass('alice', 'x', 'HTTP', 'localhost', keytab, { config });
       setTimeout(() => { ending(); process.exit(7); }, 200);`,
      silent.config,
    );
    assert.deepEqual({ code, signal }, { code: 7, signal: null });
    assert(endedIn < SLACK, `${endedIn} ms`);
  });

  it('worker.terminate() ends the worker at once, and the process goes on', async () => {
    const worker = `${prelude}
      for (let i = 0; i < 64; i++) kpass('alice', 'x', 'HTTP', 'localhost', keytab, { config });
      parentPort.postMessage('started');`;
    const { code, signal, stdout } = await runProgram(
      realm,
      `const worker = new Worker(${JSON.stringify(worker)}, { eval: true });
       worker.once('message', async () => {
         const start = Date.now();
         await worker.terminate();
         console.log(Date.now() - start < ${SLACK} ? 'at once' : 'late');
         ending();
       });`,
      silent.config,
    );
    assert.deepEqual({ code, signal }, { code: 0, signal: null });
    assert.match(stdout, /^at once$/m);
  });

  it('100 exits, at random moments of live calls, end without a signal', async function () {
    this.timeout(300_000);
    const program = `
      const users = ['alice', 'alice', 'alice', 'sha2'];
      const start = () => {
        const user = users[Math.floor(Math.random() * users.length)];
        const password = Math.random() < 0.5 ? 'wonderland' : 'wrong';
        kpass(user, password, 'HTTP', 'localhost', keytab, { config }).then(start, start);
      };
      for (let i = 0; i < 16; i++) start();
      setTimeout(() => { ending(); process.exit(7); }, Math.random() * 100);`;
    const ends: string[] = [];
    const runs = Array.from({ length: 4 }, async () => {
      for (let i = 0; i < 25; i++) {
        const { code, signal, stderr } = await runProgram(realm, program);
        ends.push(`${code} ${signal} ${stderr}`);
      }
    });
    await Promise.all(runs);
    assert.deepEqual([...new Set(ends)], ['7 null ']);
    assert.equal(ends.length, 100);
  });
});
