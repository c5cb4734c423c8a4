// The command `kpass passwd`, and `kpass realm --passwords`.

import { deepEqual, doesNotMatch, equal, match, ok } from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { Realm } from 'kpass/testing';
import { COMMAND, runCommand, startCommand } from '../support/command';
import { SERVICE, verifierFor } from '../support/subject';
import { atTerminal } from '../support/terminal';

const execute = promisify(execFile);

const OLD = 'wonderland';
const NEW = 'looking glass';

describe('kpass passwd', () => {
  let realm: Realm;
  let common: string[];
  let users = 0;
  before(async () => {
    realm = await Realm.start({ passwords: true });
    await realm.kadmin('addpol', '-minlength', '12', 'long');
    common = ['-H', 'localhost', '-k', realm.keytab(SERVICE), '-c', realm.config];
  });
  after(() => realm?.stop());

  async function newUser(): Promise<string> {
    users += 1;
    await realm.addUser(`user${users}`, OLD, { state: 'must-change' });
    return `user${users}`;
  }

  const passwd = (user: string, input: string, ...more: string[]) =>
    runCommand(['passwd', user, ...common, '--password-stdin', ...more], { input });

  async function isPassword(user: string, password: string): Promise<boolean> {
    return (await verifierFor(realm).verify(user, password)).verified;
  }

  for (const [what, input] of [
    ['two lines', `${OLD}\n${NEW}\n`],
    ['two lines, the last without its end', `${OLD}\n${NEW}`],
    ["two lines of Windows'", `${OLD}\r\n${NEW}\r\n`],
  ] as const) {
    it(`reads ${what}, and exits with 0 if the password is changed`, async () => {
      const user = await newUser();
      const { code, stdout, stderr } = await passwd(user, input);
      deepEqual([code, stderr], [0, '']);
      equal(stdout, `✓ ${user}@EXAMPLE.COM: the password is changed, and the KDC is genuine\n`);
      equal(await isPassword(user, NEW), true);
    });
  }

  it('exits with 1 for a wrong old password', async () => {
    const user = await newUser();
    const { code, stdout } = await passwd(user, `wrong\n${NEW}\n`);
    equal(code, 1);
    equal(stdout, `✗ ${user}: wrong user name or password\n`);
  });

  it('exits with 1 if the realm refuses the new password, in one line of its words', async () => {
    const user = await newUser();
    await realm.kadmin('modprinc', '-policy', 'long', user);
    const { code, stdout } = await passwd(user, `${OLD}\nshort\n`);
    equal(code, 1);
    match(stdout, /^✗ user\d+: the realm refuses the new password: .*12 characters.*\n$/);
  });

  it('exits with 2 for an error, and prints the reason and the next command', async () => {
    const user = await newUser();
    const { code, stdout, stderr } = await passwd(user, `${OLD}\n${NEW}`, '-k', '/nonexistent');
    deepEqual([code, stdout], [2, '']);
    match(stderr, /\/nonexistent.*ERR_KPASS_KEYTAB/);
    match(stderr, / {2}kpass doctor /);
  });

  it('--json prints the result, a refusal and an error', async () => {
    const user = await newUser();
    const json = async (input: string, ...more: string[]) => {
      const { code, stdout } = await passwd(user, input, '--json', ...more);
      return [code, JSON.parse(stdout)];
    };
    deepEqual(await json(`wrong\n${NEW}`), [1, { changed: false, reason: 'credentials' }]);
    deepEqual(await json(`${OLD}\n${NEW}`), [
      0,
      { changed: true, principal: `${user}@EXAMPLE.COM`, realm: 'EXAMPLE.COM' },
    ]);
    const [code, { error }] = await json(`${OLD}\n${NEW}`, '-k', '/nonexistent');
    deepEqual([code, error.code], [2, 'ERR_KPASS_KEYTAB']);
  });

  for (const [what, input] of [
    ['one line', `${OLD}\n`],
    ['three lines', `${OLD}\n${NEW}\n${NEW}\n`],
    ['nothing', ''],
    ['a long first line', `${'x'.repeat(1_025)}\n${NEW}\n`],
    ['a long second line', `${OLD}\n${'x'.repeat(1_025)}\n`],
    ['no end', 'x'.repeat(100_000)],
  ] as const) {
    it(`takes ${what} on stdin for wrong usage`, async () => {
      const user = await newUser();
      const { code, stdout, stderr } = await passwd(user, input);
      deepEqual([code, stdout], [2, '']);
      match(stderr, /two lines|1024 bytes/);
      doesNotMatch(stderr, new RegExp(`${OLD}|${NEW}`));
      equal((await verifierFor(realm).verify(user, NEW)).verified, false);
    });
  }

  describe('at a terminal', () => {
    const command = (user: string) => [process.execPath, COMMAND, 'passwd', user, ...common];
    const steps = (user: string, again: string) => [
      { wait: `Old password of ${user}: `, type: `${OLD}\r` },
      { wait: `New password of ${user}: `, type: `${NEW}\r` },
      { wait: 'New password again: ', type: `${again}\r` },
    ];

    it('asks for the old password and twice for the new one, and shows nothing of them', async () => {
      const user = await newUser();
      const session = await atTerminal(command(user), steps(user, NEW));
      equal(session.code, 0, session.shown);
      deepEqual(session.echo, [false, false, false]);
      ok(session.restored);
      doesNotMatch(session.shown, /wonder|looking|\*/);
      equal(await isPassword(user, NEW), true);
    });

    it('changes nothing if the two new passwords differ', async () => {
      const user = await newUser();
      const session = await atTerminal(command(user), steps(user, 'looking grass'));
      equal(session.code, 2, session.shown);
      match(session.shown, /the new passwords differ/);
      doesNotMatch(session.shown, /wonder|looking/);
      equal(await isPassword(user, NEW), false);
    });
  });
});

describe('kpass realm --passwords', () => {
  it('prints a command that changes a password, and takes kadmind with it', async () => {
    const child = startCommand(['realm', '--json', '--passwords', '-u', "alice:it's %s"]);
    if (!child.stdout) throw new Error('started without pipes');
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
    const { passwd, check, config, realm } = JSON.parse((await lines.next()).value);
    equal(realm, 'EXAMPLE.COM');
    const { stdout: found } = await execute('grep', ['kpasswd_server', config]);
    const port = Number(/:(\d+)/.exec(found)?.[1]);
    const run = (line: string) =>
      execute('sh', ['-c', line.replace('| kpass', `| ${process.execPath} ${COMMAND}`)]);
    match((await run(check)).stdout, /^✓ alice@EXAMPLE\.COM/);
    match((await run(passwd)).stdout, /^✓ alice@EXAMPLE\.COM: the password is changed/);
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    deepEqual(await ended, [0, null]);
    const [error] = await once(connect(port, '127.0.0.1'), 'error');
    equal(error.code, 'ECONNREFUSED');
  });
});
