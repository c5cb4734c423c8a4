// The command `kpass`: its exit codes, its output, and the secrets that it must not show.

import { deepEqual, doesNotMatch, equal, match, ok } from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { Realm } from 'kpass/testing';
import { COMMAND, runCommand, startCommand } from '../support/command';
import { belongsTo } from '../support/processes';
import { SERVICE } from '../support/subject';
import { atTerminal } from '../support/terminal';

const execute = promisify(execFile);

describe('kpass', () => {
  const helps = [
    ['--help'],
    ['-h'],
    ['check', '--help'],
    ['passwd', '-h'],
    ['doctor', '-h'],
    ['realm', '--help'],
  ];
  for (const args of helps) {
    it(`${args.join(' ')} prints the usage, with exit code 0`, async () => {
      const { code, stdout, stderr } = await runCommand(args);
      deepEqual([code, stderr], [0, '']);
      match(stdout, /^usage: kpass /);
      match(stdout, /Exit codes: /);
    });
  }

  it('--version prints the package’s version', async () => {
    const { version } = JSON.parse(readFileSync(join(__dirname, '../../package.json'), 'utf8'));
    deepEqual(await runCommand(['--version']), {
      code: 0,
      signal: null,
      stdout: `${version}\n`,
      stderr: '',
    });
  });

  const wrong: Record<string, [args: string[], complaint: RegExp]> = {
    'no command': [[], /a command is missing/],
    'an unknown command': [['chekc'], /no command chekc/],
    'a name that every object has': [['toString'], /no command toString/],
    'an unknown option': [['check', 'alice', '--nope'], /--nope/],
    'an option without its value': [['check', 'alice', '--host'], /--host/],
    'check without a user': [['check'], /the user is missing/],
    'check with a password as an argument': [['check', 'alice', 'wonderland'], /one user/],
    'passwd without a user': [['passwd'], /the user is missing/],
    'passwd with passwords as arguments': [['passwd', 'alice', 'wonderland', 'x'], /one user/],
    'an option for a password': [['check', 'alice', '--password=wonderland'], /--password/],
    'a timeout that is not a number': [['check', 'alice', '-t', 'soon'], /milliseconds/],
    'a timeout of 0': [['doctor', '-t', '0'], /timeout must be/],
    'an empty host': [['check', 'alice', '-H', ''], /host must not be empty/],
    'a user without a password': [['realm', '--user', 'alice'], /a name, a colon and a password/],
    'a service without a host': [['realm', '--service', 'HTTP'], /NAME\/HOST/],
    'a UPN suffix without canonicalization': [
      ['check', 'alice', '--upn-suffix', 'corp.example'],
      /--upn-suffix needs --canonicalize/,
    ],
    'a domain without a realm': [['check', 'alice', '--domain', 'EXAMPLE'], /NAME=REALM/],
    'a stray word': [['realm', 'EXAMPLE.COM'], /EXAMPLE\.COM/],
    'two users for doctor': [['doctor', 'alice', 'bob'], /one user/],
  };
  for (const [what, [args, complaint]] of Object.entries(wrong)) {
    it(`${what} is wrong usage: exit code 2, with a hint`, async () => {
      const { code, stdout, stderr } = await runCommand(args);
      deepEqual([code, stdout], [2, '']);
      match(stderr, complaint);
      match(stderr, /Try: kpass .*--help/);
      doesNotMatch(stderr, /wonderland/);
    });
  }
});

describe('kpass check', () => {
  let realm: Realm;
  let common: string[];
  before(async () => {
    realm = await Realm.start({ users: { alice: 'wonderland', zoë: 'пароль 🔑' } });
    // addUser() takes no line feed.
    await realm.kadmin('addprinc', '-pw', 'two\n', 'line');
    await realm.addUser('old', 'wonderland', { state: 'password-expired' });
    common = ['-H', 'localhost', '-k', realm.keytab(SERVICE), '-c', realm.config];
  });
  after(() => realm?.stop());

  const check = (user: string, input: string | Uint8Array, ...more: string[]) =>
    runCommand(['check', user, ...common, '--password-stdin', ...more], { input });

  it('exits with 0 for the right password, and names the principal', async () => {
    const { code, stdout, stderr } = await check('alice', 'wonderland\n');
    deepEqual([code, stderr], [0, '']);
    equal(stdout, '✓ alice@EXAMPLE.COM: the password is right, and the KDC is genuine\n');
  });

  it('exits with 1 for a wrong one', async () => {
    const { code, stdout } = await check('alice', 'looking glass');
    equal(code, 1);
    match(stdout, /^✗ alice: /);
  });

  it('exits with 2 without a verdict, and prints the reason and the next command', async () => {
    const { code, stdout, stderr } = await check('alice', 'wonderland', '-k', '/nonexistent');
    deepEqual([code, stdout], [2, '']);
    match(stderr, /\/nonexistent.*ERR_KPASS_KEYTAB/);
    const lines = stderr.trimEnd().split('\n');
    equal(lines.at(-1), `  kpass doctor -H localhost -k /nonexistent -c ${realm.config}`);
  });

  const json: Record<string, [user: string, input: string, code: number, record: object]> = {
    'a right password': [
      'alice',
      'wonderland',
      0,
      { verified: true, principal: 'alice@EXAMPLE.COM', realm: 'EXAMPLE.COM' },
    ],
    'a wrong one': ['alice', 'x', 1, { verified: false, reason: 'credentials' }],
    'an empty one': ['alice', '', 1, { verified: false, reason: 'credentials' }],
    'an expired one': ['old', 'wonderland', 1, { verified: false, reason: 'expired' }],
  };
  for (const [what, [user, input, expected, record]] of Object.entries(json)) {
    it(`--json prints the verdict for ${what}`, async () => {
      const { code, stdout, stderr } = await check(user, input, '--json');
      deepEqual([code, JSON.parse(stdout), stderr], [expected, record, '']);
    });
  }

  it('--json prints the error', async () => {
    const { code, stdout } = await check('alice', 'wonderland', '--json', '-s', 'host');
    equal(code, 2);
    const { error } = JSON.parse(stdout);
    equal(error.code, 'ERR_KPASS_KEYTAB');
    equal(error.krb5Name, 'KRB5_KT_NOTFOUND');
    match(error.message, /host\/localhost@EXAMPLE\.COM/);
  });

  it('accepts the options of a Verifier', async () => {
    equal((await check('alice', 'wonderland', '--canonicalize')).code, 0);
    equal((await check('alice', 'wonderland', '--realm', 'OTHER.ORG', '-r', realm.name)).code, 0);
    equal((await check('alice', 'wonderland', '--realm', 'OTHER.ORG', '--json')).code, 2);
  });

  it('takes names with a UPN suffix or a domain', async () => {
    const domain = ['--domain', 'EXAMPLE=EXAMPLE.COM'];
    const { code, stdout } = await check('example\\alice', 'wonderland', ...domain);
    deepEqual([code, stdout.includes(' alice@EXAMPLE.COM: ')], [0, true]);
    equal((await check('OTHER\\alice', 'wonderland', ...domain)).code, 1);
    await realm.kadmin('addprinc', '-pw', 'wonderland', 'carol\\@corp.example');
    const suffixes = ['a.example', 'corp.example'].flatMap((suffix) => ['--upn-suffix', suffix]);
    const upn = ['--canonicalize', ...suffixes];
    equal((await check('carol@CORP.example', 'wonderland', ...upn)).code, 0);
    equal((await check('carol@other.example', 'wonderland', ...upn)).code, 1);
  });

  it('names them in the line that runs doctor', async () => {
    const options = ['--canonicalize', '--upn-suffix', 'corp.example', '--domain', 'A=EXAMPLE.COM'];
    const { code, stderr } = await check('alice', 'wonderland', ...options, '-k', '/nowhere');
    equal(code, 2);
    match(stderr, /--canonicalize --upn-suffix corp\.example --domain A=EXAMPLE\.COM\n/i);
  });

  it('takes CR and LF for one end of line, and a CR alone for a part of the password', async () => {
    equal((await check('alice', 'wonderland\r\n')).code, 0);
    equal((await check('alice', 'wonderland\r')).code, 1);
    equal((await check('alice', 'wonderland\r\n\r\n')).code, 1);
    equal((await check('alice', 'wonderland\n\r\n')).code, 1);
  });

  it('reads no more than a password of 1,024 bytes and an end of line', async () => {
    for (const end of ['', '\n', '\r\n']) {
      equal((await check('alice', 'x'.repeat(1024) + end)).code, 1);
      const { code, stderr } = await check('alice', `${'x'.repeat(1025)}${end}`);
      equal(code, 2);
      match(stderr, /stdin has more than a password's 1024 bytes/);
      doesNotMatch(stderr, /xx/);
    }
    equal((await check('alice', Buffer.alloc(2 ** 24, 'x'))).code, 2);
  });

  it('reads all of stdin, and removes one newline at its end', async () => {
    equal((await check('line', 'two\n\n')).code, 0);
    equal((await check('line', 'two\n\r\n')).code, 0);
    equal((await check('line', 'two\n')).code, 1);
    equal((await check('zoë', 'пароль 🔑\n')).code, 0);
  });

  it('works with the environment and the defaults alone', async () => {
    const { code } = await runCommand(['check', 'alice', '-H', 'localhost', '--password-stdin'], {
      input: 'wonderland',
      env: realm.env,
    });
    equal(code, 0);
  });

  it('says so if KRB5_CONFIG is empty', async () => {
    const args = ['check', 'alice', '-H', 'localhost', '--password-stdin'];
    const { code, stderr } = await runCommand(args, { input: 'x', env: { KRB5_CONFIG: '' } });
    equal(code, 2);
    match(stderr, /an empty path in KRB5_CONFIG: No such file or directory .*ERR_KPASS_CONFIG/);
  });

  it('exits with 2 without a terminal and without --password-stdin, and says so', async () => {
    const { code, stdout, stderr } = await runCommand(['check', 'alice', ...common], {
      input: 'wonderland\n',
    });
    deepEqual([code, stdout], [2, '']);
    match(stderr, /no terminal.*--password-stdin/);
  });

  it('warns of a keytab that others can read, in its own words', async () => {
    const keytab = join(realm.folder, 'exposed.keytab');
    await execute('cp', [realm.keytab(SERVICE), keytab]);
    await execute('chmod', ['644', keytab]);
    const { code, stderr } = await check('alice', 'wonderland', '-k', keytab);
    equal(code, 0);
    match(stderr, /^kpass: warning: keytab .* can be read or changed by its group or by others/);
  });

  describe('at a terminal', () => {
    const PROMPT = 'Password of alice: ';
    const command = () => [process.execPath, COMMAND, 'check', 'alice', ...common];

    for (const [how, typed] of Object.entries({
      'as it is typed': 'wonderland\r',
      'with a typing error and a backspace': 'wonderö\x7fland\r',
      'started again with Ctrl-U': 'looking glass\x15wonderland\r',
      'started again with Ctrl-W, word by word': 'looking glass \x17\x17wonderland\r',
      'with a Ctrl-Z in it': 'wonder\x1aland\r',
    })) {
      it(`reads the password ${how}, and shows nothing of it`, async () => {
        const session = await atTerminal(command(), [{ wait: PROMPT, type: typed }]);
        equal(session.code, 0, session.shown);
        deepEqual(session.echo, [false]);
        ok(session.restored);
        doesNotMatch(session.shown, /wonder|land|looking|\*/);
        match(session.shown, /alice@EXAMPLE\.COM: the password is right/);
      });
    }

    it('asks at the terminal if stdin is something else', async () => {
      const steps = [{ wait: PROMPT, type: 'wonderland\r' }];
      const session = await atTerminal(command(), steps, {}, '/dev/null');
      deepEqual([session.code, session.echo, session.restored], [0, [false], true]);
    });

    for (const [key, typed, number] of [
      ['Ctrl-C', '\x03', 2],
      ['Ctrl-\\', '\x1c', 3],
    ] as const) {
      it(`ends by the signal of ${key}, and restores the terminal`, async () => {
        const session = await atTerminal(command(), [{ wait: PROMPT, type: `wonder${typed}` }]);
        deepEqual([session.signal, session.echo, session.restored], [number, [false], true]);
        doesNotMatch(session.shown, /wonder/);
      });
    }

    it('prints no escape sequence that a user name contains', async () => {
      const [node = '', file = '', verb = '', , ...rest] = command();
      const steps = [{ wait: 'Password of al?[2Jice: ', type: 'x\r' }];
      const session = await atTerminal([node, file, verb, 'al\x1b[2Jice', ...rest], steps);
      equal(session.code, 1, session.shown);
      ok(!session.shown.includes('\x1b[2J'));
    });

    for (const [signal, number] of Object.entries({
      SIGTERM: 15,
      SIGHUP: 1,
      SIGINT: 2,
      SIGQUIT: 3,
    })) {
      it(`ends by a ${signal} from another process, and restores the terminal`, async () => {
        const session = await atTerminal(command(), [{ wait: PROMPT, signal }]);
        deepEqual([session.signal, session.echo, session.restored], [number, [false], true]);
      });
    }

    it('gives the terminal back while a signal from another process stops it', async () => {
      const session = await atTerminal(command(), [
        { wait: PROMPT, signal: 'SIGTSTP' },
        { wait: '\n', signal: 'SIGCONT' },
        { wait: PROMPT, type: 'wonderland\r' },
      ]);
      equal(session.code, 0, session.shown);
      deepEqual(session.echo, [false, true, false]);
      ok(session.restored);
    });

    it('writes in colour, except with NO_COLOR or at a dumb terminal', async () => {
      const coloured = async (env: Record<string, string>) =>
        (await atTerminal(command(), [{ wait: PROMPT, type: 'x\r' }], env)).shown.includes(
          '\x1b[3',
        );
      equal(await coloured({}), true);
      equal(await coloured({ NO_COLOR: '1' }), false);
      equal(await coloured({ TERM: 'dumb' }), false);
    });
  });
});

describe('kpass realm', () => {
  /** Starts a realm, and reads its line of JSON. */
  async function started(...args: string[]) {
    const child = startCommand(['realm', '--json', ...args]);
    if (!child.stdout) throw new Error('Started without pipes');
    for await (const line of createInterface(child.stdout))
      return { child, shown: JSON.parse(line) };
    throw new Error('It ended without a word');
  }

  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    it(`runs until ${signal}, and leaves nothing behind`, async () => {
      const { child, shown } = await started();
      ok(existsSync(shown.config));
      const ended = once(child, 'exit');
      child.kill(signal);
      deepEqual(await ended, [0, null]);
      equal(existsSync(shown.config), false);
      const [error] = await once(connect(shown.port, '127.0.0.1'), 'error');
      equal(error.code, 'ECONNREFUSED');
    });
  }

  it('has the requested users and services', async () => {
    const { child, shown } = await started(
      ...[
        '-n',
        'PLAY.EXAMPLE',
        '-u',
        "bob:it's: a secret",
        '-u',
        'zoë:ü',
        '-s',
        'imap/mail.example',
      ],
    );
    try {
      equal(shown.realm, 'PLAY.EXAMPLE');
      deepEqual(shown.users, { bob: "it's: a secret", zoë: 'ü' });
      const common = ['-s', 'imap', '-H', 'mail.example', '--password-stdin'];
      const bob = { input: "it's: a secret", env: shown.env };
      equal((await runCommand(['check', 'bob', ...common], bob)).code, 0);
      equal((await runCommand(['check', 'zoë', ...common], { ...bob, input: 'ü' })).code, 0);
      equal((await runCommand(['check', 'alice', ...common], bob)).code, 1);
    } finally {
      child.kill();
      await once(child, 'exit');
    }
  });

  it('prints a line that logs its user in when a shell runs it', async () => {
    const child = startCommand(['realm', '-u', "bob:it's $HOME"]);
    try {
      if (!child.stdout) throw new Error('Started without pipes');
      const lines: string[] = [];
      for await (const line of createInterface(child.stdout)) {
        lines.push(line);
        if (line.startsWith('Ctrl-C')) break;
      }
      const exported = lines.filter((line) => line.startsWith('  export '));
      ok(exported.some((line) => line.includes('KRB5_CONFIG=')));
      const line = lines.find((each) => each.includes('kpass check'));
      // test/support/preload.cjs does the same for the programs that Node starts.
      const kpass = `LD_PRELOAD="$KPASS_PRELOAD" '${process.execPath}' '${COMMAND}'`;
      const shell = async (script: string) =>
        (await execute('/bin/sh', ['-c', `kpass() { ${kpass} "$@"; }\n${script}`])).stdout;
      match(await shell(line ?? ''), /^✓ bob@EXAMPLE\.COM/);
      const check = `printf %s "it's \\$HOME" | kpass check bob -H localhost --password-stdin`;
      match(await shell(`${exported.join('\n')}\n${check}`), /^✓ bob@EXAMPLE\.COM/);
    } finally {
      child.kill();
      await once(child, 'exit');
    }
  });

  it('exits with 2 if its KDC ends, and says so', async () => {
    const { child, shown } = await started();
    const folder = join(shown.config, '..');
    try {
      if (!child.stderr) throw new Error('Started without pipes');
      const [kdc] = readdirSync('/proc').filter((pid) => isKdcOf(pid, folder));
      const [[code], complaint] = await Promise.all([
        once(child, 'close'),
        text(child.stderr),
        process.kill(Number(kdc), 'SIGKILL'),
      ]);
      equal(code, 2);
      match(complaint, /^kpass: the KDC has ended, and so has the realm/);
      equal(existsSync(folder), false);
    } finally {
      child.kill();
    }
  });

  const isKdcOf = (pid: string, folder: string) =>
    /^\d+$/.test(pid) &&
    belongsTo(pid, folder) &&
    /^[^\0]*krb5kdc\0/.test(readFileSync(`/proc/${pid}/cmdline`, 'utf8'));

  it('exits with 2 if it cannot start, and says why', async () => {
    const { code, stderr } = await runCommand(['realm'], { env: { TMPDIR: '/nonexistent' } });
    equal(code, 2);
    match(stderr, /^kpass: .*\/nonexistent/);
  });
});
