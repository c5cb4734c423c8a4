// A process, a worker or a pool of workers ends at once in every stage of a change of a password.

import assert from 'node:assert/strict';
import { Realm } from 'kpass/testing';
import { prelude, runProgram } from '../support/child';
import { FaultProxy, type Mode } from '../support/fault-proxy';

const SLACK = 2_000 * Number(process.env.KPASS_SLOW ?? 1);

interface Stage {
  name: string;
  kdc?: Mode;
  server?: Mode;
}

const STAGES: readonly Stage[] = [
  { name: 'in the first exchange with the KDC', kdc: 'silent' },
  { name: 'in the second one', kdc: ({ n }) => (n % 2 === 1 ? 'pass' : 'silent') },
  { name: 'in the exchange with the password server', server: 'silent' },
  { name: 'in the verification', kdc: ({ n }) => (n <= 2 ? 'pass' : 'silent') },
];

describe('ending with a change of a password in flight', () => {
  let realm: Realm;
  let kdc: FaultProxy;
  let server: FaultProxy;
  let config: string;
  let users = 0;
  before(async () => {
    realm = await Realm.start({ passwords: true });
    kdc = await FaultProxy.start(realm);
    server = await FaultProxy.beforePasswords(realm);
    config = await realm.writeConfig({
      kdcs: [`127.0.0.1:${kdc.port}`],
      passwordServers: [`127.0.0.1:${server.port}`],
    });
  });
  after(async () => {
    await kdc?.stop();
    await server?.stop();
    await realm?.stop();
  });

  for (const stage of STAGES) {
    describe(stage.name, () => {
      let user: string;
      beforeEach(async () => {
        user = `user${++users}`;
        await realm.addUser(user, 'old');
        await kdc.use(stage.kdc ?? 'pass');
        await server.use(stage.server ?? 'pass');
        kdc.reset();
        server.reset();
      });

      /** Code that begins a change and gives a verifier 300 ms to reach the stage. */
      const change = () => `
        const verifier = new Verifier({ ...options, config, timeout: 60_000 });
        verifier.changePassword('${user}', 'old', 'new').catch(() => {});`;

      it('process.exit() ends the process at once', async () => {
        const { code, signal, stderr, endedIn } = await runProgram(
          realm,
          `${change()} setTimeout(() => { ending(); process.exit(7); }, 300);`,
          config,
        );
        assert.deepEqual({ code, signal, stderr }, { code: 7, signal: null, stderr: '' });
        assert(endedIn < SLACK, `${endedIn} ms`);
      });

      it('worker.terminate() ends the worker at once', async () => {
        const worker = `${prelude} ${change()} setTimeout(() => parentPort.postMessage(''), 300);`;
        const { code, signal, stdout } = await runProgram(
          realm,
          `const worker = new Worker(${JSON.stringify(worker)}, { eval: true });
           worker.once('message', async () => {
             const start = Date.now();
             await worker.terminate();
             console.log(Date.now() - start < ${SLACK} ? 'at once' : 'late');
           });`,
          config,
        );
        assert.deepEqual({ code, signal }, { code: 0, signal: null });
        assert.match(stdout, /^at once$/m);
      });

      it('the process ends by itself after the deadline', async () => {
        const { code, stdout, endedIn } = await runProgram(
          realm,
          `new Verifier({ ...options, config, timeout: 300 })
             .changePassword('${user}', 'old', 'new')
             .catch((error) => { console.log(error.code); ending(); });`,
          config,
        );
        assert.equal(code, 0);
        assert.match(stdout, /^ERR_KPASS_TIMEOUT$/m);
        assert(endedIn < SLACK, `${endedIn} ms`);
      });
    });
  }

  it('workers change passwords at the same time', async () => {
    await kdc.use('pass');
    await server.use('pass');
    const names = Array.from({ length: 8 }, (_, i) => `worker${i}`);
    for (const name of names) await realm.addUser(name, 'old');
    const worker = `${prelude}
      new Verifier(options).changePassword(workerData, 'old', 'new')
        .then((change) => parentPort.postMessage(change.changed), (e) => parentPort.postMessage(e.code));`;
    const { code, stdout } = await runProgram(
      realm,
      `const ends = ${JSON.stringify(names)}.map((workerData) => new Promise((resolve) =>
         new Worker(${JSON.stringify(worker)}, { eval: true, workerData }).once('message', resolve)));
       Promise.all(ends).then((all) => console.log(all.join(' ')));`,
      config,
    );
    assert.deepEqual([code, stdout], [0, `${names.map(() => true).join(' ')}\n`]);
  });
});
