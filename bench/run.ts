// `npm run bench`: the table and the bounds, and the same as JSON and as a picture beside this file.
//
//   scripts/bench [--quick] [SCENARIO …]
//
// Only the whole of it writes the files. The exit code is 0 whatever holds: a machine that does
// something else meanwhile has no say in a build.

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
  type Finding,
  head,
  holds,
  isBound,
  line,
  SUBJECTS,
} from './figures';
import { type Machine, thisMachine } from './machine';
import { cpu } from './scenarios/cpu';
import { deadKdcs } from './scenarios/dead-kdcs';
import { http } from './scenarios/http';
import { messages } from './scenarios/messages';
import { silentKdc } from './scenarios/silent-kdc';
import { throughput } from './scenarios/throughput';

const SCENARIOS: Record<string, Scenario> = {
  cpu,
  throughput,
  'dead-kdcs': deadKdcs,
  'silent-kdc': silentKdc,
  messages,
  http,
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
  const findings = await measure(
    positionals.length > 0 ? positionals : Object.keys(SCENARIOS),
    quick,
  );
  console.log(`\n${findings.filter(isBound).map(boundLine).join('\n')}`);
  if (quick || positionals.length > 0) return;
  writeFileSync(join(__dirname, 'results.json'), json(findings, machine));
  writeFileSync(join(__dirname, 'results.svg'), chart(findings, machine));
}

/** A line for each finding: to be read, and to be compared. */
function json(findings: readonly Finding[], machine: Machine): string {
  const lines = findings.map((its) =>
    JSON.stringify(isBound(its) ? { ...its, holds: holds(its) } : its),
  );
  return `{
"machine": ${JSON.stringify(machine)},
"subjects": ${JSON.stringify(SUBJECTS)},
"findings": [
${lines.join(',\n')}
]
}
`;
}

async function measure(names: readonly string[], quick: boolean): Promise<Finding[]> {
  await using realm = await Realm.start({
    name: REALM,
    users: { [USER]: PASSWORD },
    services: [SERVICE],
    // Without it, libpam-krb5 takes a keytab that it cannot read for success.
    config: '[libdefaults]\n  verify_ap_req_nofail = true\n',
  });
  const subjects = quick ? ALWAYS_THERE : ALL;
  const findings: Finding[] = [];
  console.log(`\n${head()}`);
  for (const name of names) {
    const scenario = SCENARIOS[name];
    if (scenario === undefined)
      throw new RangeError(`${name} is none of ${Object.keys(SCENARIOS)}`);
    for await (const finding of scenario({ realm, subjects, quick })) {
      findings.push(finding);
      if (!isBound(finding)) console.log(line(finding));
    }
  }
  return findings;
}
