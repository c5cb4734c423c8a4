// The fault matrix. Whatever breaks, each verification has the outcome in its row, within the time
// in its row. With both transports, the outcome is true only if the row says so. Rows that wait for
// the network start together: each has a proxy, a file or a process of its own.

import assert from 'node:assert/strict';
import { Realm } from 'kpass/testing';
import { configRows } from './faults/config';
import { kdcRows } from './faults/kdcs';
import { keytabRows } from './faults/keytab';
import { errorRows, replyRows } from './faults/replies';
import { type Row, Scene, SLOW } from './faults/scene';
import { systemRows } from './faults/system';

/** ms for rows that should take no time. */
const SOON = 3_000;
/** ms for rows that wait a second or two, together with many others. */
const WAITED = 10_000;

const overTheNetwork = [...kdcRows, ...replyRows, ...errorRows, ...systemRows];
const rows = [...overTheNetwork, ...configRows, ...keytabRows];

const SUITES = [
  { carrier: 'kpass', rows },
  {
    carrier: 'libkrb5',
    rows: overTheNetwork.map(({ libkrb5, ...row }) => ({
      ...row,
      outcome: libkrb5 ?? row.outcome,
    })),
  },
] as const;

for (const { carrier, rows } of SUITES) {
  describe(`faults, where ${carrier} carries the messages`, function () {
    this.timeout(60_000 * SLOW);
    const running = new Map<Row, Promise<{ outcome: string; ms: number }>>();

    let realm: Realm;
    let scene: Scene;
    before(async () => {
      realm = await Realm.start({ users: { alice: 'wonderland', bob: 'wonderland' } });
      scene = new Scene(realm, carrier);
      for (const row of rows) if (row.waits) running.set(row, timed(row));
    });
    after(async () => {
      await Promise.allSettled(running.values());
      await realm?.stop();
    });

    async function timed({ run }: Row): Promise<{ outcome: string; ms: number }> {
      const start = performance.now();
      const outcome = await run(scene).catch((error) => `${error}`);
      return { outcome, ms: performance.now() - start };
    }

    it('has at least 40 rows, each with a fault of its own', () => {
      assert(rows.length >= 40);
      assert.equal(new Set(rows.map(({ fault }) => fault)).size, rows.length);
    });

    for (const row of rows) {
      const { fault, outcome: expected } = row;
      it(`${fault}: ${expected instanceof RegExp ? expected.source : expected}`, async () => {
        const { outcome, ms } = await (running.get(row) ?? timed(row));
        if (expected instanceof RegExp) assert.match(outcome, expected);
        else assert.equal(outcome, expected);
        const within = row.within ?? (row.waits ? WAITED : SOON);
        assert(ms < within * SLOW, `${ms} ms`);
      });
    }
  });
}
