// Shows kpass at work against a private realm: with --once it makes the requests itself and exits 0
// only if each is answered as it must be; without, it waits for yours.

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

// The example and the realms do not outlive this process.
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

/** The example as it runs beside a realm, with the key of the service in `keytabOf`. */
function startExample(realm: Realm, keytabOf: Realm): Promise<Example> {
  return Example.start(realm.folder, { ...realm.env, KEYTAB: keytabOf.keytab(SERVICE) });
}

/** Runs until it is interrupted: the example does not end by itself. */
async function show(realm: Realm): Promise<boolean> {
  await using example = await startExample(realm, realm);
  example.stderr.pipe(process.stderr);
  console.log(`
  ${example.url}      user ${USER}, password ${PASSWORD}

  curl --cacert ${example.certificate} --user ${USER}:${PASSWORD} ${example.url}

Things to try:

  A browser, which will say that it does not know the certificate's maker. Reload the page as often
  as you like: every request brings the password along, and for a minute no KDC is asked again.
  A wrong password, or none at all: the browser asks again, and shows a refusal in the end.
  Another example, in another terminal, beside the same KDC:
    KRB5_CONFIG=${realm.config} KEYTAB=${realm.keytab(SERVICE)} node examples/express.mjs
  What is between here and a login, link by link; with another keytab, what is broken:
    node dist/cli/index.js doctor ${USER} -H localhost -c ${realm.config} -k ${realm.keytab(SERVICE)}
  npm run demo -- --once, which brings an impostor of the KDC as well.

Each login that reaches the KDC is told of below. Ctrl-C stops it.
`);
  followLogins(realm);
  await example.ended();
  return false;
}

/** Prints a line for each password that the KDC is asked about, as it comes. */
function followLogins(realm: Realm): void {
  const told = { right: 0, wrong: 0 };
  watchFile(logOf(realm), { interval: 250 }, () => {
    const now = loginsAt(realm);
    for (; told.right < now.right; told.right++) console.log('KDC: a right password');
    for (; told.wrong < now.wrong; told.wrong++) console.log('KDC: a wrong password');
  });
}

/** Whether each request is answered as it must be, and the KDC asked no more than need be. */
async function prove(realm: Realm): Promise<boolean> {
  const results: boolean[] = [];
  const expect = (what: string, wanted: string | number, got: string | number) => {
    const holds = got === wanted;
    console.log(`${holds ? '✓' : '✗'} ${what} → ${got}${holds ? '' : `, not ${wanted}`}`);
    results.push(holds);
  };

  {
    await using example = await startExample(realm, realm);
    console.log(`${example.url} beside the realm's own KDC`);
    expect('no credentials', 401, (await example.get()).status);
    expect('wrong password', 401, (await example.get(basic(USER, WRONG))).status);
    expect('right password', 200, (await example.get(basic(USER, PASSWORD))).status);
  }
  {
    await using impostor = await startRealm(FORGED);
    await using example = await startExample(impostor, realm);
    console.log(`${example.url} beside an impostor: same realm and user, a password it knows`);
    const { status } = await example.get(basic(USER, FORGED));
    expect('the password that the impostor accepts', 500, status);
  }
  {
    await using example = await startExample(realm, realm);
    console.log(`${example.url} beside the realm's own KDC, and many requests`);
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
    console.log(`${example.url} beside a KDC that has stopped`);
    expect('right password', 503, (await example.get(basic(USER, PASSWORD))).status);
  }
  return results.every(Boolean);
}

/** The statuses of many requests: half of them one after the other, half of them at once. */
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

/** What the KDC says of the passwords that it has been asked about; it says it before it answers. */
function loginsAt(realm: Realm): { right: number; wrong: number } {
  const log = readFileSync(logOf(realm), 'utf8');
  const count = (what: RegExp) => log.match(what)?.length ?? 0;
  return { right: count(/AS_REQ .* ISSUE: /g), wrong: count(/AS_REQ .* PREAUTH_FAILED: /g) };
}
