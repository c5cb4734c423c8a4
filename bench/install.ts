// Measures the time from `npm pack` to a verified password, for each Node.js, in an empty project and
// without a compiler. The versions take turns, so that a disturbance of the machine hits all of them.

import assert from 'node:assert/strict';
import { Realm } from 'kpass/testing';
import { bareEnvironment, NODES, packToPassword, runtime, unpacked } from '../test/support/packed';

const ROUNDS = 5;

main();

async function main(): Promise<void> {
  await using realm = await Realm.start({ users: { alice: 'wonderland' } });
  const users = { KRB5_CONFIG: realm.config, KEYTAB: realm.keytab('HTTP/localhost') };
  const folder = await unpacked();
  const times = new Map<string, number[]>(NODES.map((name) => [name, []]));
  for (let round = 0; round < ROUNDS; ++round) {
    for (const [name, its] of times) {
      const env = { ...(await bareEnvironment(runtime(name))), ...users };
      const { answer, ms } = await packToPassword(folder, env);
      assert(answer.startsWith('true prebuilds/'), answer);
      its.push(ms);
    }
  }
  console.table(
    Object.fromEntries(
      [...times].map(([name, its]) => {
        const sorted = its.sort((a, b) => a - b);
        return [
          name,
          { 'least, ms': sorted[0], median: sorted[ROUNDS >> 1], most: sorted[ROUNDS - 1] },
        ];
      }),
    ),
  );
}
