// Shows kpass at work against a private realm: with --once it makes the requests itself and exits 0
// only if each is answered as it must be; without, it waits for yours.

import { Realm } from 'kpass/testing';
import { type Answer, basic, Example } from '../examples/https-basic/run';

const SERVICE = 'HTTP/localhost';
const USER = 'alice';
const PASSWORD = 'wonderland';
const FORGED = 'chosen by the impostor';

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

Ctrl-C stops it.`);
  await example.ended();
  return false;
}

/** Whether each request is answered as it must be. */
async function prove(realm: Realm): Promise<boolean> {
  const results: boolean[] = [];
  const expect = (what: string, status: number, answer: Answer) => {
    const holds = answer.status === status;
    console.log(`${holds ? '✓' : '✗'} ${what} → ${answer.status}${holds ? '' : `, not ${status}`}`);
    results.push(holds);
  };

  {
    await using example = await startExample(realm, realm);
    console.log(`${example.url} beside the realm's own KDC`);
    expect('no credentials', 401, await example.get());
    expect('wrong password', 401, await example.get(basic(USER, 'looking-glass')));
    expect('right password', 200, await example.get(basic(USER, PASSWORD)));
  }
  {
    await using impostor = await startRealm(FORGED);
    await using example = await startExample(impostor, realm);
    console.log(`${example.url} beside an impostor: same realm and user, a password it knows`);
    expect('the password that the impostor accepts', 500, await example.get(basic(USER, FORGED)));
  }
  return results.every(Boolean);
}
