// Nothing that the command prints moves a terminal's cursor or writes to its title: control characters of
// the command line, of krb5.conf and of KDCs are escaped, in text and in JSON.

import { doesNotMatch, equal, match } from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { chmod, copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Realm } from 'kpass/testing';
import { COMMAND, type Ending, runCommand, startCommand } from '../support/command';
import { SERVICE } from '../support/subject';

/** ESC, and the same in one character of C1; both begin a sequence that sets the window's title. */
const EVIL = '\x1b]0;title\x07\x9b2J';
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
const CONTROL = /[\x00-\x09\x0b-\x1f\x7f-\x9f]/;

describe('kpass prints no control character', () => {
  let realm: Realm;
  before(async () => {
    realm = await Realm.start({ users: { alice: 'wonderland' } });
  });
  after(() => realm?.stop());

  const given = (config = realm.config, keytab = realm.keytab(SERVICE)) => [
    ...['-H', 'localhost', '-k', keytab, '-c', config],
  ];
  function assertPlain({ stdout, stderr }: Ending, quoted = /title/): void {
    match(stdout + stderr, quoted);
    doesNotMatch(stdout, CONTROL);
    doesNotMatch(stderr, CONTROL);
  }

  const wrong: Record<string, string[]> = {
    'a command': [EVIL],
    'an option': ['check', 'alice', `--${EVIL}`],
    'a value': ['check', 'alice', '-t', EVIL],
    'a domain': ['check', 'alice', '--domain', EVIL],
    'a stray word': ['realm', EVIL],
    'a user of a realm': ['realm', '-u', `${EVIL}`],
    'a service of a realm': ['realm', '-s', EVIL],
    'a name of a realm': ['realm', '-n', EVIL],
    'an option with an argument': ['realm', `--name${EVIL}`],
  };
  for (const [what, args] of Object.entries(wrong)) {
    it(`of ${what} in wrong usage`, async () => {
      const ending = await runCommand(args);
      equal(ending.code, 2);
      assertPlain(ending);
    });
  }

  for (const json of [[], ['--json']]) {
    const how = json.length === 0 ? 'text' : 'JSON';

    it(`of a user, a keytab or a path, in ${how}`, async () => {
      for (const args of [
        ['check', EVIL, ...given(), '--password-stdin'],
        ['check', 'alice', ...given(realm.config, `/nonexistent/${EVIL}`), '--password-stdin'],
        ['check', 'alice', ...given(`/nonexistent/${EVIL}`), '--password-stdin'],
        ['doctor', ...given(`/nonexistent/${EVIL}`)],
        ['doctor', ...given(realm.config, `/nonexistent/${EVIL}`)],
        ['doctor', EVIL, ...given(), '--password-stdin', '--verbose'],
      ]) {
        // A denial in JSON does not repeat the name.
        const quoted = args[1] === EVIL && how === 'JSON' ? /./ : /title/;
        assertPlain(await runCommand([...args, ...json], { input: 'wonderland' }), quoted);
      }
    });

    it(`of krb5.conf, in ${how}`, async () => {
      const config = join(realm.folder, `evil-${how}.conf`);
      for (const text of [
        `[libdefaults]\n  default_realm = ${EVIL}\n`,
        `[libdefaults]\n  default_realm = EXAMPLE.COM\n[realms]\n  EXAMPLE.COM = {\n    kdc = ${EVIL}\n  }\n`,
        `[libdefaults]\n  default_realm = EXAMPLE.COM\n[realms]\n  EXAMPLE.COM = {\n    kdc = a${EVIL}:b\n  }\n`,
        `include /nonexistent/${EVIL}\n`,
        `${EVIL}\n[libdefaults]\n`,
      ]) {
        await writeFile(config, text);
        const quoted = text.startsWith(EVIL) ? /./ : /title/;
        assertPlain(await runCommand(['doctor', ...given(config), ...json]), quoted);
        const check = ['check', 'alice', ...given(config), '--password-stdin', ...json];
        assertPlain(await runCommand(check, { input: 'wonderland' }), /./);
      }
    });
  }

  it('of a keytab’s path in a warning', async () => {
    const keytab = join(realm.folder, `${EVIL.replace('/', '')}.keytab`);
    await copyFile(realm.keytab(SERVICE), keytab);
    await chmod(keytab, 0o644);
    const args = ['check', 'alice', ...given(realm.config, keytab), '--password-stdin'];
    const ending = await runCommand(args, { input: 'wonderland' });
    equal(ending.code, 0);
    assertPlain(ending, /warning: .*title/);
  });

  it('of a password of a realm, and its line for the shell still works', async () => {
    const child = startCommand(['realm', '-u', `bob:${EVIL}`]);
    let shown = '';
    child.stdout?.setEncoding('utf8');
    for await (const chunk of child.stdout ?? []) {
      shown += chunk;
      if (shown.includes('Ctrl-C')) break;
    }
    try {
      doesNotMatch(shown, CONTROL);
      const line = /^ {2}(printf .*)$/m.exec(shown)?.[1] ?? '';
      const kpass = `LD_PRELOAD="$KPASS_PRELOAD" '${process.execPath}' '${COMMAND}'`;
      const script = `kpass() { ${kpass} "$@"; }\n${line}`;
      const { stdout } = await promisify(execFile)('bash', ['-c', script]);
      match(stdout, /^✓ bob@EXAMPLE\.COM/);
    } finally {
      child.kill();
      await once(child, 'exit');
    }
  });
});
