// Runs the HTTPS example in a realm of its own, and waits for your requests. With --once it makes
// the requests itself, and exits with 0 only if every answer is the right one.

import { execFileSync } from 'node:child_process';
import { readFileSync, watchFile } from 'node:fs';
import { join } from 'node:path';
import { Realm } from 'kpass/testing';
import { basic, Example } from '../examples/https-basic/run';

const SERVICE = 'HTTP/localhost';
const USER = 'alice';
const PASSWORD = 'wonderland';
const WRONG = 'looking-glass';
const FORGED = 'chosen by the impostor';
const MANY = 100;

const once = process.argv.includes('--once');

// The example and the realms end with this process.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.once(signal, () => process.exit(once ? 1 : 0));
}

main().then(
  (holds) => process.exit(holds ? 0 : 1),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);

async function main(): Promise<boolean> {
  await using realm = await startRealm(PASSWORD);
  return once ? await prove(realm) : await show(realm);
}

function startRealm(password: string): Promise<Realm> {
  return Realm.start({ name: 'EXAMPLE.COM', users: { [USER]: password }, services: [SERVICE] });
}

/** Starts the example in `realm`, with the service's keytab from `keytabOf`. */
function startExample(realm: Realm, keytabOf: Realm): Promise<Example> {
  return Example.start(realm.folder, { ...realm.env, KEYTAB: keytabOf.keytab(SERVICE) });
}

/** Runs until it is interrupted. The example ends by itself only if it fails. */
async function show(realm: Realm): Promise<boolean> {
  await using example = await startExample(realm, realm);
  example.stderr.pipe(process.stderr);
  console.log(`
  ${example.url}      user ${USER}, password ${PASSWORD}

  curl --cacert ${example.certificate} --user ${USER}:${PASSWORD} ${example.url}

To log in without a password: get a ticket once (kinit asks for the password), and send it from then on:

  export KRB5_CONFIG=${realm.config} KRB5CCNAME=${cacheOf(realm)}
  kinit ${USER}
  curl --cacert ${example.certificate} --negotiate --user : ${example.url}

Things to try:

  Open the URL in a browser. The browser warns that it does not know the certificate's issuer.
  Reload the page: every request carries the password, but kpass asks the KDC only once a minute.
  Enter a wrong password, or none: the browser asks again. If you cancel, it shows a refusal.
  Run another example in another terminal, with the same KDC:
    KRB5_CONFIG=${realm.config} KEYTAB=${realm.keytab(SERVICE)} node examples/express.mjs
  Check each link between this machine and a login. Name another keytab to see what doctor reports:
    node dist/cli/index.js doctor ${USER} -H localhost -c ${realm.config} -k ${realm.keytab(SERVICE)}
  Run npm run demo -- --once. It starts an impostor of the KDC as well.

Each login that reaches the KDC is printed below. Ctrl-C stops the demo.
`);
  followLogins(realm);
  await example.ended();
  return false;
}

/** The credential cache in which the user of this demo keeps tickets. */
const cacheOf = (realm: Realm) => `FILE:${join(realm.folder, 'tickets')}`;

/** Logs in by ticket, as the demo tells its reader to: kinit, and one line of curl. Returns the status. */
function statusByTicket(realm: Realm, { certificate, url }: Example): number {
  const env = { ...process.env, KRB5_CONFIG: realm.config, KRB5CCNAME: cacheOf(realm) };
  execFileSync('kinit', [USER], {
    env,
    input: `${PASSWORD}\n`,
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  const args = ['--cacert', certificate, '--negotiate', '--user', ':', url];
  const silent = [
    '--silent',
    '--show-error',
    '--output',
    '/dev/null',
    '--write-out',
    '%{http_code}',
  ];
  return Number(execFileSync('curl', [...silent, ...args], { env, encoding: 'utf8' }));
}

/** Prints a line for each password that reaches the KDC, as it arrives. */
function followLogins(realm: Realm): void {
  const printed = { right: 0, wrong: 0 };
  watchFile(logOf(realm), { interval: 250 }, () => {
    const now = loginsAt(realm);
    for (; printed.right < now.right; printed.right++) console.log('KDC: a right password');
    for (; printed.wrong < now.wrong; printed.wrong++) console.log('KDC: a wrong password');
  });
}

/** Whether every request gets the right answer, and the KDC gets no more logins than needed. */
async function prove(realm: Realm): Promise<boolean> {
  const results: boolean[] = [];
  const expect = (what: string, wanted: string | number, got: string | number) => {
    const holds = got === wanted;
    console.log(`${holds ? '✓' : '✗'} ${what} → ${got}${holds ? '' : `, not ${wanted}`}`);
    results.push(holds);
  };

  {
    await using example = await startExample(realm, realm);
    console.log(`${example.url} with the realm's own KDC`);
    expect('no credentials', 401, (await example.get()).status);
    expect('wrong password', 401, (await example.get(basic(USER, WRONG))).status);
    expect('right password', 200, (await example.get(basic(USER, PASSWORD))).status);
    expect('a ticket, without a password', 200, statusByTicket(realm, example));
  }
  {
    await using impostor = await startRealm(FORGED);
    await using example = await startExample(impostor, realm);
    console.log(
      `${example.url} with an impostor's KDC: it has the same realm and user, and accepts its own password`,
    );
    const { status } = await example.get(basic(USER, FORGED));
    expect('the password that the impostor accepts', 500, status);
  }
  {
    await using example = await startExample(realm, realm);
    console.log(`${example.url} with the realm's own KDC, and many requests`);
    const before = loginsAt(realm);
    expect(`${MANY} with the right password`, `${MANY} × 200`, await getMany(example, PASSWORD));
    expect(`${MANY} with one wrong password`, `${MANY} × 401`, await getMany(example, WRONG));
    const { right, wrong } = loginsAt(realm);
    expect('logins at the KDC', 1, right - before.right);
    expect('failed ones, which count toward a lockout', 1, wrong - before.wrong);
  }
  {
    await using example = await startExample(realm, realm);
    await realm.stopKdc();
    console.log(`${example.url} with a KDC that has stopped`);
    expect('right password', 503, (await example.get(basic(USER, PASSWORD))).status);
  }
  return results.every(Boolean);
}

/** The statuses of many requests: half of them run one after another, half of them at once. */
async function getMany(example: Example, password: string): Promise<string> {
  const statuses: number[] = [];
  const get = async () => {
    statuses.push((await example.get(basic(USER, password))).status);
  };
  for (let n = 0; n < MANY / 2; n++) await get();
  await Promise.all(Array.from({ length: MANY / 2 }, get));
  return [...new Set(statuses)]
    .map((status) => `${statuses.filter((each) => each === status).length} × ${status}`)
    .join(', ');
}

const logOf = (realm: Realm) => join(realm.folder, 'kdc.log');

/** Counts the logins in the KDC's log. The KDC writes each line before it replies. */
function loginsAt(realm: Realm): { right: number; wrong: number } {
  const log = readFileSync(logOf(realm), 'utf8');
  const count = (what: RegExp) => log.match(what)?.length ?? 0;
  return {
    // The user's alone: the service logs in too, for its armor.
    right: count(new RegExp(`AS_REQ .* ISSUE: .* ${USER}@`, 'g')),
    wrong: count(new RegExp(`AS_REQ .* PREAUTH_FAILED: ${USER}@`, 'g')),
  };
}
