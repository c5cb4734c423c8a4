// `npm run bench` prints the table and the bounds. It also writes them to this folder, as JSON and
// as a picture.
//
//   scripts/bench [--quick] [SCENARIO …]
//
// Only a complete run writes the files. The exit code is 0 even if a bound does not hold: other
// programs on the machine must not fail a build.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Realm } from 'kpass/testing';
import type { Scenario } from './bench';
import { PASSWORD, REALM, SERVICE, USER } from './callers';
import { chart } from './chart';
import {
  ALL,
  ALWAYS_THERE,
  boundLine,
  head,
  holds,
  isBound,
  line,
  type Measurement,
  SUBJECTS,
} from './figures';
import { type Machine, thisMachine } from './machine';
import { accepts } from './scenarios/accepts';
import { cpu } from './scenarios/cpu';
import { deadKdcs } from './scenarios/dead-kdcs';
import { http } from './scenarios/http';
import { messages } from './scenarios/messages';
import { silentKdc } from './scenarios/silent-kdc';
import { throttle } from './scenarios/throttle';
import { throughput } from './scenarios/throughput';

const SCENARIOS: Record<string, Scenario> = {
  cpu,
  throughput,
  'dead-kdcs': deadKdcs,
  'silent-kdc': silentKdc,
  messages,
  http,
  throttle,
  accepts,
};

main();

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: { quick: { type: 'boolean', default: false } },
    allowPositionals: true,
  });
  const { quick } = values;
  const machine = thisMachine();
  for (const [name, what] of Object.entries(SUBJECTS)) console.log(`${name.padEnd(18)}${what}`);
  if (machine.load > 0.5)
    console.log(`! Other programs use this machine: its load is ${machine.load}`);
  const measurements = await measure(
    positionals.length > 0 ? positionals : Object.keys(SCENARIOS),
    quick,
  );
  console.log(`\n${measurements.filter(isBound).map(boundLine).join('\n')}`);
  if (quick || positionals.length > 0) return;
  writeFileSync(join(__dirname, 'results.json'), json(measurements, machine));
  writeFileSync(join(__dirname, 'results.svg'), chart(measurements, machine));
}

/** One line for each measurement, so that people can read and compare them. */
function json(measurements: readonly Measurement[], machine: Machine): string {
  const lines = measurements.map((its) =>
    JSON.stringify(isBound(its) ? { ...its, holds: holds(its) } : its),
  );
  return `{
"machine": ${JSON.stringify(machine)},
"subjects": ${JSON.stringify(SUBJECTS)},
"measurements": [
${lines.join(',\n')}
]
}
`;
}

async function measure(names: readonly string[], quick: boolean): Promise<Measurement[]> {
  await using realm = await Realm.start({
    name: REALM,
    users: { [USER]: PASSWORD },
    services: [SERVICE],
    // Without this setting, libpam-krb5 accepts a login even if it cannot read the keytab.
    config: '[libdefaults]\n  verify_ap_req_nofail = true\n',
  });
  const subjects = quick ? ALWAYS_THERE : ALL;
  const measurements: Measurement[] = [];
  console.log(`\n${head()}`);
  for (const name of names) {
    const scenario = SCENARIOS[name];
    if (scenario === undefined)
      throw new RangeError(`no scenario ${name}; there are ${Object.keys(SCENARIOS)}`);
    for await (const measurement of scenario({ realm, subjects, quick })) {
      measurements.push(measurement);
      if (!isBound(measurement)) console.log(line(measurement));
    }
  }
  return measurements;
}
