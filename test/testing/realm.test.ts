import { equal, match, notEqual, ok, rejects, throws } from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile, stat, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Realm } from 'kpass/testing';
import { nothingIsLeft, processesOf, refuses, withTemporaryFolder } from '../support/ends';
import { client, kinit } from '../support/kinit';
import { type PkinitRealm, startPkinitRealm } from '../support/pkinit';
import { startWorld } from '../support/realms';
import type { SERVICES } from '../support/services';

describe('Realm', () => {
  let realm: Realm;
  before(async () => {
    realm = await Realm.start({ users: { alice: 'wonderland' } });
  });
  after(() => realm.stop());

  it('has sensible defaults', () => {
    equal(realm.name, 'EXAMPLE.COM');
    equal(realm.keytab('HTTP/localhost'), realm.env.KRB5_KTNAME);
    equal(realm.config, realm.env.KRB5_CONFIG);
  });

  it('lets a user in with the right password only', async () => {
    equal((await kinit(realm.config, 'alice', 'wonderland')).code, 0);
    match((await kinit(realm.config, 'alice', 'wrong')).stderr, /Password incorrect/);
    match((await kinit(realm.config, 'nobody', 'wonderland')).stderr, /not found in Kerberos/);
  });

  it('has an environment with all that a child process needs', async () => {
    const printed = await client(
      realm.config,
      ['sh', '-c', 'kinit alice && klist'],
      'wonderland\n',
      realm.env,
    );
    match(printed.stdout, /Default principal: alice@EXAMPLE.COM/);
  });

  const passwords = [
    'two words',
    ' a space at either end ',
    `double " and single ' quotes`,
    'back\\slash',
    '$HOME `id` $(id) %s ; # {}',
    '-starts-with-a-dash',
    'pässwörd ☃ 密码 🔑',
    'x'.repeat(900),
  ];
  for (const [n, password] of passwords.entries()) {
    it(`takes ${password.slice(0, 30)} as a password`, async () => {
      await realm.addUser(`user${n}`, password);
      equal((await kinit(realm.config, `user${n}`, password)).code, 0);
      notEqual((await kinit(realm.config, `user${n}`, password.slice(0, -1))).code, 0);
    });
  }

  for (const name of [
    'alice/admin',
    'mary ann',
    'zoë',
    `o'brien`,
    'a"b',
    'back\\\\slash',
    'a.b-c_d',
  ]) {
    it(`takes ${name} as a user's name`, async () => {
      await realm.addUser(name, 'secret');
      equal((await kinit(realm.config, name, 'secret')).code, 0);
    });
  }

  it('makes a keytab for each service, readable only by its owner', async () => {
    await realm.addService('imap/mail.example.com');
    const keytab = realm.keytab('imap/mail.example.com');
    equal((await stat(keytab)).mode & 0o777, 0o600);
    equal(
      (await client(realm.config, ['kinit', '-k', '-t', keytab, 'imap/mail.example.com'])).code,
      0,
    );
    throws(() => realm.keytab('imap/other'), /EXAMPLE\.COM has no service imap\/other/);
  });

  it('resolves with the output of kadmin, or rejects with it', async () => {
    match(await realm.kadmin('listprincs'), /^alice@EXAMPLE\.COM$/m);
    await rejects(
      realm.kadmin('getprinc', 'nobody'),
      /kadmin\.local: get_principal: .*does not exist/,
    );
    await rejects(realm.kadmin('nonsense'), /kadmin\.local: .*nonsense/);
  });

  it('runs queries one after another', async () => {
    const names = ['one', 'two', 'three', 'four'];
    await Promise.all(names.map((name) => realm.addUser(name, 'secret')));
    for (const name of names) equal((await kinit(realm.config, name, 'secret')).code, 0);
  });

  it('writes another krb5.conf, whose additions win', async () => {
    const more = '[libdefaults]\n  default_realm = ELSEWHERE.ORG\n';
    const config = await realm.writeConfig({
      kdcs: ['127.0.0.1:1', `localhost:${realm.port}`],
      more,
    });
    match((await kinit(config, 'alice', 'wonderland')).stderr, /ELSEWHERE\.ORG/);
    equal((await kinit(config, 'alice@EXAMPLE.COM', 'wonderland')).code, 0);
  });

  it('shows the KDC’s log', async () => {
    await realm.addUser('logged', 'secret');
    await kinit(realm.config, 'logged', 'secret');
    match(await realm.log(), /AS_REQ .* ISSUE: .* logged@EXAMPLE\.COM for krbtgt/);
  });

  it('stops its KDC and starts it again on the same port', async () => {
    const { port } = realm;
    await realm.stopKdc();
    match((await kinit(realm.config, 'alice', 'wonderland')).stderr, /Cannot contact any KDC/);
    await realm.startKdc();
    equal(realm.port, port);
    equal((await kinit(realm.config, 'alice', 'wonderland')).code, 0);
  });
});

describe('Realm.start', () => {
  it('takes a name, services, hosts, key types, and more configuration', async () => {
    await using realm = await Realm.start({
      name: 'OTHER.ORG',
      users: { bob: 'builder' },
      services: ['HTTP/www.other.org', 'host/www.other.org'],
      hosts: ['.other.org', 'www.other.net'],
      enctypes: ['aes128-cts-hmac-sha256-128'],
      config: '[appdefaults]\n  forwardable = true\n',
      kdcConfig: '[realms]\n  OTHER.ORG = {\n    max_life = 1h\n  }\n',
    });
    equal((await kinit(realm.config, 'bob@OTHER.ORG', 'builder')).code, 0);
    match(await readFile(realm.config, 'utf8'), /forwardable = true/);
    match(await readFile(realm.config, 'utf8'), /^ {2}\.other\.org = OTHER\.ORG$/m);
    const printed = await client(realm.config, [
      'klist',
      '-ekt',
      realm.keytab('host/www.other.org'),
    ]);
    match(printed.stdout, /host\/www\.other\.org@OTHER\.ORG \(aes128-cts-hmac-sha256-128\)/);
    match(await realm.kadmin('getprinc', 'bob'), /Maximum ticket life: 0 days 01:00:00/);
  });

  it('can give the KDC another clock', async () => {
    for (const clock of ['-1d', '+1d']) {
      await using realm = await Realm.start({ users: { alice: 'wonderland' }, clock });
      // By default, libkrb5 hides a clock skew.
      const strict = await realm.writeConfig({ more: '[libdefaults]\n  kdc_timesync = 0\n' });
      match((await kinit(strict, 'alice', 'wonderland')).stderr, /Clock skew too great/);
    }
  });

  it('starts many at once, each on a port of its own', async () => {
    const realms = await Promise.all(Array.from({ length: 6 }, () => Realm.start()));
    equal(new Set(realms.map(({ port }) => port)).size, realms.length);
    await Promise.all(realms.map((realm) => realm.stop()));
  });

  it('leaves nothing behind when it fails', async () => {
    await withTemporaryFolder(async (folder) => {
      const script = `Realm.start({ services: ['a@b@c'] }).catch((e) => console.log(e.message))`;
      const child = startNode(folder, script);
      // The message has one line: kadmin's usage, which follows it, is left out.
      match(await nextOutput(child), /^kadmin\.local: add_principal: Malformed .*\n$/);
      await nothingIsLeft(folder);
    });
  });

  const mistakes: [options: unknown, message: RegExp][] = [
    ['EXAMPLE.ORG', /an object of name, users, .*, not 'EXAMPLE\.ORG'/],
    [{ user: { alice: 'wonderland' } }, /no option 'user'; there are name, users, /],
    [{ services: 'HTTP/localhost' }, /'services' is an array, not 'HTTP\/localhost'/],
    [{ users: { alice: {} } }, /password of alice is no string/],
    ...['', 'two words', 'A@B', 'A/B', 'A\n}', 5].map((name): [unknown, RegExp] => [
      { name },
      /realm's name is letters, .*, not /,
    ]),
  ];
  for (const [options, message] of mistakes) {
    it(`rejects ${JSON.stringify(options)}`, async () => {
      await rejects(Realm.start(options as never), { name: 'TypeError', message });
    });
  }

  it('rejects unknown options of an impostor or a krb5.conf', async () => {
    await using realm = await Realm.start();
    await rejects(realm.impostor({ users: {}, name: 'X' } as never), TypeError);
    await rejects(realm.writeConfig({ kdc: '127.0.0.1:1' } as never), TypeError);
  });

  it('is ready in under a second', async () => {
    const times: number[] = [];
    for (let n = 0; n < 3; n++) {
      const start = performance.now();
      await using _ = await Realm.start({ users: { alice: 'wonderland' } });
      times.push(performance.now() - start);
    }
    ok(Math.min(...times) < 1_000 * Number(process.env.KPASS_SLOW ?? 1), `${times} ms`);
  });
});

describe("A realm's programs", () => {
  const names = ['krb5kdc', 'kdb5_util', 'kadmin.local'];

  /** Makes a folder with links to these programs of this machine. */
  async function withPrograms(
    programs: readonly string[],
    use: (folder: string) => Promise<void>,
  ): Promise<void> {
    const path = { PATH: `${process.env.PATH}:/usr/sbin` };
    await withTemporaryFolder(async (folder) => {
      for (const name of programs) {
        const { stdout } = await client('', ['sh', '-c', `command -v ${name}`], '', path);
        await symlink(stdout.trim(), join(folder, name));
      }
      await use(folder);
    });
  }

  it('may come from one folder', async () => {
    await withPrograms(names, async (programs) => {
      await using realm = await Realm.start({ users: { alice: 'wonderland' }, programs });
      equal((await kinit(realm.config, 'alice', 'wonderland')).code, 0);
    });
  });

  for (const missing of names) {
    it(`are named, with the packages to install, when ${missing} is missing`, async () => {
      const others = names.filter((name) => name !== missing);
      await withPrograms(others, async (programs) => {
        await rejects(Realm.start({ programs }), ({ message }: Error) => {
          match(message, new RegExp(`needs the program ${missing}, which is not installed`));
          match(message, /Debian, Ubuntu: apt-get install krb5-kdc krb5-admin-server/);
          match(message, /Fedora, RHEL: dnf install krb5-server/);
          match(message, new RegExp(`Looked in ${programs}`));
          return true;
        });
      });
    });
  }

  it('are all named when all are missing', async () => {
    await withPrograms([], async (programs) => {
      const all = /needs the programs krb5kdc, kdb5_util, kadmin\.local, which are not installed/;
      await rejects(Realm.start({ programs }), all);
    });
  });
});

describe('The end of a Realm', () => {
  it('removes its folder and its KDC, and may happen twice', async () => {
    const realm = await Realm.start();
    await Promise.all([realm.stop(), realm.stop()]);
    await realm.stop();
    equal(existsSync(realm.folder), false);
    await refuses(realm.port);
  });

  it('works when the KDC is stopped already', async () => {
    const realm = await Realm.start();
    await realm.stopKdc();
    await realm.stop();
    equal(existsSync(realm.folder), false);
  });

  it('works when the KDC is paused', async () => {
    const realm = await Realm.start();
    await realm.pause();
    await realm.stop();
    equal(existsSync(realm.folder), false);
    await refuses(realm.port);
  });

  const start = `Realm.start().then((realm) => console.log(realm.port))`;
  const pausedStart = `Realm.start()
    .then(async (realm) => { await realm.pause(); console.log(realm.port); })`;
  const scripts: Record<string, string> = {
    'a script forgets to stop it': start,
    'a script calls process.exit': `${start}.then(() => process.exit(0))`,
    'a script throws': `${start}.then(() => { throw new Error('thrown') })`,
    'a script forgets to stop it, paused': pausedStart,
  };
  for (const [name, script] of Object.entries(scripts)) {
    it(`happens when ${name}`, async () => {
      await withTemporaryFolder(async (folder) => {
        const child = startNode(folder, script);
        const port = Number(await nextOutput(child));
        await ended(child);
        await nothingIsLeft(folder);
        await refuses(port);
      });
    });
  }

  for (const [signal, begin, how] of [
    ['SIGKILL', start, ''],
    ['SIGTERM', start, ''],
    ['SIGINT', start, ''],
    ['SIGKILL', pausedStart, ', with the KDC paused'],
  ] as const) {
    it(`happens when its owner gets a ${signal}${how}`, async () => {
      await withTemporaryFolder(async (folder) => {
        const child = startNode(folder, `${begin}.then(() => setInterval(() => {}, 1000))`);
        const port = Number(await nextOutput(child));
        ok(processesOf(folder).length > 0);
        child.kill(signal);
        await nothingIsLeft(folder);
        await refuses(port);
      });
    });
  }

  for (const milliseconds of [0, 5, 10, 20, 40, 60, 80, 100]) {
    it(`happens when its owner is killed ${milliseconds} ms into the start`, async () => {
      await withTemporaryFolder(async (folder) => {
        const child = startNode(folder, `console.log('now'); ${start}`);
        await nextOutput(child);
        await sleep(milliseconds);
        child.kill('SIGKILL');
        await nothingIsLeft(folder);
      });
    });
  }
});

describe('The realm of the fixture startWorld()', () => {
  let world: Realm;
  before(async () => {
    world = await startWorld();
  });
  after(() => world.stop());

  const serviceRefusals: Record<keyof typeof SERVICES, RegExp | null> = {
    'HTTP/localhost': null,
    'nobody/localhost': /valid for user2user only/,
    'pkinitonly/localhost': /KDC policy rejects request/,
    'expired/localhost': /Server's entry in database has expired/,
  };
  for (const [service, refusal] of Object.entries(serviceRefusals)) {
    it(`${refusal ? 'refuses' : 'gives'} a ticket for ${service}`, async () => {
      const { code, stderr } = await kinit(world.config, 'alice', 'wonderland', '-S', service);
      equal(code === 0, refusal === null, stderr);
      if (refusal) match(stderr, refusal);
    });
  }
});

describe('A realm with PKINIT', () => {
  let pkinit: PkinitRealm;
  before(async () => {
    pkinit = await startPkinitRealm();
  });
  after(() => pkinit.realm.stop());

  it('lets anybody in as WELLKNOWN/ANONYMOUS', async () => {
    equal((await client(pkinit.config, ['kinit', '-n'])).code, 0);
  });

  it('lets carol in with her certificate if krb5.conf names it', async () => {
    equal((await client(pkinit.carolsConfig, ['kinit', 'carol'])).code, 0);
    notEqual((await client(pkinit.config, ['kinit', 'carol'])).code, 0);
  });

  it('lets users in with their passwords', async () => {
    equal((await kinit(pkinit.config, 'carol', 'wonderland')).code, 0);
    equal((await kinit(pkinit.config, 'alice', 'wonderland')).code, 0);
  });
});

/** Starts a Node process that has `Realm`, and puts its temporary files into the folder. */
function startNode(folder: string, script: string): ChildProcess {
  const code = `const { Realm } = require('kpass/testing'); ${script}`;
  return spawn(process.execPath, ['-e', code], {
    cwd: join(__dirname, '../..'),
    env: { ...process.env, NODE_OPTIONS: '', TMPDIR: folder },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
}

async function nextOutput(child: ChildProcess): Promise<string> {
  const [output] = await once(child.stdout as NonNullable<ChildProcess['stdout']>, 'data');
  return String(output);
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}
