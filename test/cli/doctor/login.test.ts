// kpass doctor, with a user's login at the end of the chain; and its output for a person.

import { deepEqual, doesNotMatch, equal, match, ok } from 'node:assert/strict';
import { Realm } from 'kpass/testing';
import { COMMAND, runCommand } from '../../support/command';
import { assertFound, DoctorFixture, diagnose, LINKS } from '../../support/doctor-fixture';
import { atTerminal } from '../../support/terminal';

describe('kpass doctor', () => {
  const fixture = new DoctorFixture();

  describe('a user’s login', () => {
    const login = (args: string[], input: string) =>
      diagnose(['alice', '--password-stdin', ...args], { input });

    it('is the end of the chain, step by step', async () => {
      const { code, links } = await login(fixture.given(), 'wonderland\n');
      equal(code, 0);
      deepEqual(
        links.map(({ name, status }) => [name, status]),
        [...LINKS, 'user', 'ticket'].map((name) => [name, 'ok']),
      );
      match(links.at(-2)?.detail ?? '', /^alice@EXAMPLE\.COM: the KDC accepts the password/);
      match(links.at(-1)?.detail ?? '', /opens with the keytab's key/);
    });

    it('breaks at the ticket if the user’s realm is not trusted', async () => {
      await using other = await Realm.start({ name: 'OTHER.ORG', users: { bob: 'builder' } });
      const args = [
        '-r',
        'OTHER.ORG',
        ...fixture.given(undefined, await fixture.realm.writeConfig({ realms: [other] })),
      ];
      const input = { input: 'builder' };
      const found = await diagnose(['bob@OTHER.ORG', '--password-stdin', ...args], input);
      assertFound(found, { link: 'ticket', detail: /ERR_KPASS_CONFIG/, remedy: /--verbose/ });
      match(found.links.at(-2)?.detail ?? '', /^bob@OTHER\.ORG: the KDC accepts the password/);
    });

    it('is broken for a wrong password', async () => {
      const expected = {
        detail: /^alice: wrong user name or password/,
        remedy: /^KRB5_CONFIG=\S+ kinit alice$/m,
      };
      assertFound(await login(fixture.given(), 'looking glass'), {
        link: 'user',
        ...expected,
        notTried: ['ticket'],
      });
    });

    it('is broken for a realm whose users may not log in', async () => {
      const input = { input: 'wonderland' };
      const found = await diagnose(
        ['bob@OTHER.ORG', '--password-stdin', ...fixture.given()],
        input,
      );
      assertFound(found, {
        link: 'user',
        detail:
          /^bob@OTHER\.ORG: users of OTHER\.ORG may not log in here; only users of EXAMPLE\.COM may/,
        remedy: /^kpass doctor -H localhost .* -r EXAMPLE\.COM -r OTHER\.ORG .*bob@OTHER\.ORG$/m,
        notTried: ['ticket'],
      });
    });

    it('is broken for a domain that `domains` lacks, and holds with the one named', async () => {
      const input = { input: 'wonderland' };
      const words = ['--password-stdin', ...fixture.given()];
      const user = 'EXAMPLE\\alice';
      assertFound(await diagnose([user, ...words], input), {
        link: 'user',
        detail: /^EXAMPLE\\alice: the option `domains` has no realm for EXAMPLE/,
        remedy: /^kpass doctor .* --domain EXAMPLE=EXAMPLE\.COM .*'EXAMPLE\\alice'$/m,
        notTried: ['ticket'],
      });
      equal((await diagnose([user, '--domain', 'EXAMPLE=EXAMPLE.COM', ...words], input)).code, 0);
    });

    it('is broken for a suffix that is no realm, and asks whether it is one of UPNs', async () => {
      const input = { input: 'wonderland' };
      const words = ['--password-stdin', ...fixture.given()];
      const user = 'carol@corp.example';
      assertFound(await diagnose([user, ...words], input), {
        link: 'user',
        detail:
          /^carol@corp\.example: corp\.example is neither a realm .* nor one of `upnSuffixes`/,
        remedy:
          /^kpass doctor .* --canonicalize --upn-suffix corp\.example .*carol@corp\.example$/m,
        notTried: ['ticket'],
      });
      const upn = ['--canonicalize', '--upn-suffix', 'CORP.example'];
      assertFound(await diagnose([user, ...upn, ...words], input), {
        link: 'user',
        detail: /^carol@corp\.example: /,
        remedy: /^KRB5_CONFIG=\S+ kinit -E carol@CORP\.example$/m,
        notTried: ['ticket'],
      });
    });

    it('holds for a realm in another case', async () => {
      const words = ['--password-stdin', ...fixture.given()];
      equal((await diagnose(['alice@example.com', ...words], { input: 'wonderland' })).code, 0);
    });

    it('is not tried if the chain breaks before it', async () => {
      assertFound(await login(fixture.given('/nonexistent/keytab'), 'wonderland'), {
        link: 'keytab',
        detail: /does not exist/,
        notTried: ['key', 'user', 'ticket'],
      });
    });

    it('decides if the service cannot log in itself', async () => {
      await fixture.realm.addService('away/localhost');
      const args = ['-s', 'away', ...fixture.given(fixture.realm.keytab('away/localhost'))];
      await fixture.realm.kadmin('delprinc', 'away/localhost');
      const { code, links } = await login(args, 'wonderland');
      equal(code, 1);
      const last = links.slice(-4).map(({ name, status }) => [name, status]);
      deepEqual(last, [
        ['key', 'warning'],
        ['host', 'ok'],
        ['user', 'broken'],
        ['ticket', 'not tried'],
      ]);
      match(links.at(-2)?.detail ?? '', /ERR_KPASS_CONFIG/);
    });

    it('includes libkrb5’s trace with --verbose, without the password', async () => {
      const { links } = await login([...fixture.given(), '--verbose'], 'wonderland');
      const traces = links.filter(({ trace }) => trace !== undefined);
      deepEqual(
        traces.map(({ name }) => name),
        ['key', 'user'],
      );
      for (const { trace = [] } of traces)
        match(trace.join('\n'), /Sending (initial )?UDP request|kpass asks UDP/);
      doesNotMatch(JSON.stringify(links), /wonderland/);
      const quiet = await login(fixture.given(), 'wonderland');
      ok(quiet.links.every(({ trace }) => trace === undefined));
    });
  });

  describe('for a person', () => {
    it('prints a line for each link, and the remedy under the broken one', async () => {
      const args = ['doctor', '-H', 'localhost', ...fixture.given('/nonexistent/keytab')];
      const { code, stdout, stderr } = await runCommand(args);
      deepEqual([code, stderr], [1, '']);
      const [chain = '', summary] = stdout.trimEnd().split('\n\n');
      equal(summary, 'Broken: keytab. Repair it, and run doctor again.');
      const lines = chain.split('\n');
      deepEqual(
        lines.filter((line) => !line.startsWith(' ')).map((line) => line[0]),
        [...'✓✓✓✓✓✓✗·✓✓✓'],
      );
      const at = lines.findIndex((line) => line.startsWith('✗ keytab '));
      match(lines[at + 1] ?? '', /^ {12}│ /);
      match(stdout, /^· key +not tried: depends on keytab$/m);
      ok(!stdout.includes('\x1b'));
    });

    it('ends with the next command to run, or with the login', async () => {
      const args = ['doctor', '-H', 'localhost', ...fixture.given()];
      const alone = await runCommand(args);
      const [, next = '', user = ''] = /(.*)\n {2}(.*)\n$/.exec(alone.stdout) ?? [];
      equal(next, "Nothing is broken. To test a user's login too, run:");
      const [command, ...words] = user.split(' ');
      deepEqual([command, words], ['kpass', ['doctor', ...args.slice(1), 'USER']]);
      const whole = await runCommand([...args, 'alice', '--password-stdin'], {
        input: 'wonderland',
      });
      match(whole.stdout, /\n\nNothing is broken, and the login is verified\.\n$/);
    });

    it('shows colours and progress at a terminal, and asks for the password first', async () => {
      const command = [
        process.execPath,
        COMMAND,
        'doctor',
        'alice',
        '-H',
        'localhost',
        ...fixture.given(),
      ];
      const steps = [{ wait: 'Password of alice: ', type: 'wonderland\r' }];
      const { code, shown } = await atTerminal(command, steps);
      equal(code, 0, shown);
      ok(shown.indexOf('Password') < shown.indexOf('libkrb5'));
      ok(shown.includes('… asking the KDCs\r\x1b[K'));
      ok(shown.includes('\x1b[32m✓'));
      doesNotMatch(shown, /wonderland/);
    });
  });
});
