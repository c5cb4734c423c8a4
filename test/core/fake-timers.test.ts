// The tests of a program that uses kpass may fake timers and the time. A deadline passes all the same.

import assert from 'node:assert/strict';
import { mock } from 'node:test';
import FakeTimers from '@sinonjs/fake-timers';
import { Realm } from 'kpass/testing';
import { runProgram } from '../support/child';
import { FaultProxy } from '../support/fault-proxy';
import { failureOf, verifierFor } from '../support/subject';

const { hrtime } = process;

/** ms by a clock that nothing here fakes. */
const now = () => Number(hrtime.bigint()) / 1e6;

const DAY = 86_400_000;

describe('fake timers', () => {
  let realm: Realm;
  let silent: FaultProxy;
  before(async () => {
    realm = await Realm.start({ users: { alice: 'wonderland' } });
    silent = await FaultProxy.start(realm);
    await silent.use('silent');
  });
  after(async () => {
    await silent?.stop();
    await realm?.stop();
  });

  /** Each installs fakes, and gives back what removes them. */
  const fakes: [string, () => () => void][] = [
    [
      "sinon's, jest's and vitest's, of everything that they can fake",
      () => {
        const clock = FakeTimers.install();
        return () => clock.uninstall();
      },
    ],
    [
      "Node's own",
      () => {
        mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'setImmediate', 'Date'] });
        return () => mock.timers.reset();
      },
    ],
    ['a time that stands still', () => fakeNow(() => 0)],
    ['a time that runs ahead', () => fakeNow((time) => time + DAY)],
    ['a time that is behind', () => fakeNow((time) => time - DAY)],
  ];
  for (const [what, install] of fakes) {
    it(`stop no deadline: ${what}`, async () => {
      const lines: string[] = [];
      const trace = (line: string) => lines.push(line);
      const verifier = verifierFor(realm, { config: silent.config, timeout: 1_500, trace });
      const remove = install();
      try {
        const start = now();
        const calls = [1, 2].map(() => failureOf(verifier.verify('alice', 'x')));
        for (const error of await Promise.all(calls)) assert.equal(error.code, 'ERR_KPASS_TIMEOUT');
        const ms = now() - start;
        assert(ms > 1_490 && ms < 10_000, `${ms} ms`);
        assert.match(lines.join('\n'), /kpass asks UDP/);
        assert.equal((await verifierFor(realm).verify('alice', 'wonderland')).verified, true);
      } finally {
        remove();
      }
    });
  }

  // But process.nextTick(): Node's own streams need it, and so does every process that a realm starts.
  it('stop no realm', async () => {
    const toFake = ['setTimeout', 'setInterval', 'setImmediate', 'Date', 'performance'] as const;
    const clock = FakeTimers.install({ toFake: [...toFake] });
    try {
      await using other = await Realm.start({ users: { alice: 'wonderland' } });
      for (let i = 0; i < 50; i++) {
        await other.pause();
        await other.resume();
      }
      await other.addUser('bob', 'builder', { state: 'locked' });
      assert.equal((await verifierFor(other).verify('bob', 'builder')).verified, false);
      await other.stopKdc();
      await other.startKdc();
      assert.equal((await verifierFor(other).verify('alice', 'wonderland')).verified, true);
    } finally {
      clock.uninstall();
    }
  });

  it('stop no deadline where the fakes of the time are older than kpass', async () => {
    const { code, stdout } = await runProgram(
      realm,
      `const verifier = new Verifier({ ...options, timeout: 150 });
       verifier.verify('alice', 'x').catch(({ code }) => console.log(code));`,
      silent.config,
      { NODE_OPTIONS: `--require ${require.resolve('../support/frozen-time.cjs')}` },
    );
    assert.deepEqual({ code, stdout }, { code: 0, stdout: 'ERR_KPASS_TIMEOUT\n' });
  });
});

function fakeNow(fake: (time: number) => number): () => void {
  const real = performance.now;
  const realDate = Date.now;
  performance.now = () => fake(real.call(performance));
  Date.now = () => fake(realDate());
  return () => {
    performance.now = real;
    Date.now = realDate;
  };
}
