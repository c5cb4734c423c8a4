// kpass doctor where libkrb5 would wait without end: it says what libkrb5 waits for, and ends.

import { equal, match, ok } from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Realm } from 'kpass/testing';
import { runCommand, startCommand } from '../../support/command';
import { assertFound, diagnose, LINKS, type Link } from '../../support/doctor-fixture';
import { preloaded } from '../../support/preloaded';
import { keytabFrom } from '../../support/services';
import { SERVICE } from '../../support/subject';

describe('kpass doctor, where libkrb5 waits without end', () => {
  let realm: Realm;
  before(async () => {
    realm = await Realm.start();
  });
  after(() => realm?.stop());

  let pipes = 0;
  async function pipe(): Promise<string> {
    pipes += 1;
    const path = join(realm.folder, `pipe-${pipes}`);
    await promisify(execFile)('mkfifo', [path]);
    return path;
  }
  const given = (keytab = realm.keytab(SERVICE), config = realm.config) => [
    ...['-k', keytab],
    ...['-c', config],
    ...['-t', '1500'],
  ];

  it('names a keytab that is a pipe', async () => {
    const keytab = await pipe();
    assertFound(await diagnose(given(keytab)), {
      link: 'keytab',
      detail: new RegExp(`^${keytab} is a pipe`),
      remedy: /--keytab \/path/,
      notTried: ['key'],
    });
  });

  it('names a pipe that krb5.conf makes the default keytab', async () => {
    const more = `[libdefaults]\n  default_keytab_name = FILE:${await pipe()}\n`;
    const config = await realm.writeConfig({ more });
    assertFound(await diagnose(['-c', config, '-t', '1500']), {
      link: 'keytab',
      detail: /^libkrb5's default keytab could not be read in 1500 ms: it is a pipe/,
      remedy: /--keytab \/path/,
      notTried: ['key'],
    });
  });

  it('names a krb5.conf that is a pipe', async () => {
    const config = await pipe();
    assertFound(await diagnose(given(undefined, config)), {
      link: 'krb5.conf',
      detail: new RegExp(`^${config} is a pipe`),
      remedy: new RegExp(`^ls -lL ${config}`),
      notTried: LINKS.slice(2),
    });
  });

  it('names a krb5.conf that includes a pipe', async () => {
    const config = await keytabFrom(realm, `include ${await pipe()}\n`);
    assertFound(await diagnose(given(undefined, config)), {
      link: 'krb5.conf',
      detail: new RegExp(`^${config}, or a file that it includes, could not be read in time`),
      remedy: /^timeout 5 cat /m,
      notTried: LINKS.slice(2),
    });
  });

  describe('because DNS is silent', () => {
    const silent = async (more: string, words: string[]) => {
      const kdcs = [`localhost:${realm.port}`];
      const config = await realm.writeConfig({ kdcs, more: `[libdefaults]\n${more}\n` });
      const env = { LD_PRELOAD: await preloaded('slow-dns', realm.folder) };
      const args = ['doctor', '--json', ...given(undefined, config), ...words];
      const { links } = JSON.parse((await runCommand(args, { env })).stdout);
      return (name: string) => links.find((link: Link) => link.name === name) as Link;
    };

    it('names this machine’s own name, if kpass is to find that', async () => {
      const { status, detail, remedy } = (await silent('dns_canonicalize_hostname = true', []))(
        'realm',
      );
      equal(status, 'broken');
      match(detail, /^this machine's name was not resolved in 1500 ms: DNS is slow/);
      match(remedy.join('\n'), /^getent hosts "\$\(hostname\)"\n.*--host www\.example\.com$/);
    });

    it('names the KDC, and warns of the service’s host', async () => {
      const found = await silent('', ['-H', 'localhost']);
      equal(found('KDCs').detail, `localhost:${realm.port}: DNS does not answer`);
      equal(found('host').detail, 'localhost: DNS does not answer');
    });
  });

  it('leaves no process behind, whatever signal ends it', async () => {
    const more = `[libdefaults]\n  default_keytab_name = FILE:${await pipe()}\n`;
    const config = await realm.writeConfig({ more });
    for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT'] as const) {
      const doctor = startCommand(['doctor', '-H', 'localhost', '-c', config, '-t', '60000']);
      const child = await childOf(doctor.pid ?? 0);
      doctor.kill(signal);
      const [, ended] = await once(doctor, 'exit');
      equal(ended, signal);
      ok(await isGone(child), `process ${child} is still there after ${signal}`);
    }
  });
});

/** The process that doctor has started. */
async function childOf(pid: number): Promise<number> {
  for (;;) {
    for (const entry of await readdir('/proc')) {
      const stat = await readFile(`/proc/${entry}/stat`, 'latin1').catch(() => '');
      const parent = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1];
      if (Number(parent) === pid) return Number(entry);
    }
    await sleep(20);
  }
}

async function isGone(pid: number): Promise<boolean> {
  for (let look = 0; look < 250; look += 1) {
    const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => null);
    if (stat === null || / [ZX] /.test(stat.slice(stat.lastIndexOf(')')))) return true;
    await sleep(20);
  }
  return false;
}
