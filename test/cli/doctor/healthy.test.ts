// kpass doctor in set-ups of every kind in which a login is verified: nothing is broken, with a user and
// without one.

import { equal } from 'node:assert/strict';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Realm } from 'kpass/testing';
import { type RunOptions, runCommand } from '../../support/command';
import { asCResolver, nameServer } from '../../support/dns';
import { FaultProxy } from '../../support/fault-proxy';
import { HeimdalRealm } from '../../support/heimdal';
import { preloaded } from '../../support/preloaded';
import { SambaDomain } from '../../support/samba';
import { SERVICE } from '../../support/subject';

/** Where a user's login is verified: the command's options, and how to run it. */
interface SetUp {
  args: string[];
  options?: RunOptions;
  user?: string;
  password?: string;
  end?: () => PromiseLike<unknown>;
}

const users = { alice: 'wonderland' };

describe('kpass doctor finds nothing broken where a login is verified:', () => {
  let realm: Realm;
  let heimdal: HeimdalRealm;
  let samba: SambaDomain;
  before(async () => {
    [realm, heimdal, samba] = await Promise.all([
      Realm.start({ users }),
      HeimdalRealm.start({ users }),
      SambaDomain.start({ users, upnSuffixes: ['corp.example'] }),
    ]);
    await realm.addUser('proved', 'wonderland', { flags: ['+requires_preauth'] });
  });
  after(() => Promise.all([realm?.stop(), heimdal?.stop(), samba?.stop()]));

  const given = (config: string, keytab = realm.keytab(SERVICE)) => ['-k', keytab, '-c', config];
  const file = async (name: string, text: string | Uint8Array) => {
    const path = join(realm.folder, name);
    await writeFile(path, text, { mode: 0o600 });
    return path;
  };
  /** The realm's krb5.conf with these lines in [libdefaults]; its own come after them. */
  const withDefaults = async (...lines: string[]) =>
    given(await realm.writeConfig({ more: `[libdefaults]\n${lines.join('\n')}\n` }));
  const withDns = (...lines: string[]) =>
    realm.writeConfig({
      kdcs: [],
      more: `[libdefaults]\n  dns_lookup_kdc = true\n${lines.join('\n')}\n`,
    });
  /** The environment of a program whose libkrb5 has a locator plug-in that knows this KDC. */
  const withLocator = async (port: number) => {
    const folder = join(realm.folder, 'locators');
    await mkdir(folder, { recursive: true });
    const library = await preloaded('locator', folder);
    return { env: { LD_PRELOAD: library, LOCATORS: folder, KDC_PORT: String(port) } };
  };
  const service = async (name: string, ...commands: string[][]) => {
    await realm.addService(`${name}/localhost`);
    for (const command of commands) await realm.kadmin(...command);
    return ['-s', name, ...given(realm.config, realm.keytab(`${name}/localhost`))];
  };

  const setUps: Record<string, () => Promise<SetUp>> = {
    'a realm of MIT’s': async () => ({ args: given(realm.config) }),
    'a realm of Heimdal’s': async () => ({
      args: given(heimdal.config, heimdal.keytab(SERVICE)),
    }),
    'a domain of Samba’s': async () => ({ args: given(samba.config, samba.keytab(SERVICE)) }),
    'a domain of Samba’s, with the account in the keytab': async () => {
      const keytab = await samba.writeKeytab(SERVICE, samba.account(SERVICE));
      return { args: given(samba.config, keytab) };
    },
    'a domain of Samba’s, with --canonicalize': async () => ({
      args: ['--canonicalize', ...given(samba.config, samba.keytab(SERVICE))],
    }),
    'KDCs by SRV records': async () => {
      const dns = await nameServer([{ port: realm.port }]);
      const env = await asCResolver(dns.port, realm.folder);
      return {
        args: given(await withDns()),
        options: { env },
        end: () => dns[Symbol.asyncDispose](),
      };
    },
    'KDCs by URI records': async () => {
      const dns = await nameServer([], `krb5srv:m:udp:127.0.0.1:${realm.port}`);
      const env = await asCResolver(dns.port, realm.folder);
      return {
        args: given(await withDns()),
        options: { env },
        end: () => dns[Symbol.asyncDispose](),
      };
    },
    'KDCs that only a locator plug-in knows': async () => {
      const options = await withLocator(realm.port);
      return { args: given(await realm.writeConfig({ kdcs: [] })), options };
    },
    'a domain of Samba’s that only a locator plug-in knows': async () => {
      const options = await withLocator(samba.port);
      const config = await realm.writeConfig({ kdcs: [] });
      return { args: given(config, samba.keytab(SERVICE)), options };
    },
    'a value that libkrb5 would refuse, after a locator plug-in': async () => {
      const options = await withLocator(realm.port);
      return { args: given(await realm.writeConfig({ kdcs: ['127.0.0.1:x'] })), options };
    },
    'a second KDC whose clock is wrong': async () => {
      const other = await Realm.start({ clock: '+10m' });
      const kdcs = [`127.0.0.1:${realm.port}`, `127.0.0.1:${other.port}`];
      return { args: given(await realm.writeConfig({ kdcs })), end: () => other.stop() };
    },
    'a KDC of krb5.conf that is dead, and a locator plug-in that knows another': async () => {
      const options = await withLocator(realm.port);
      return { args: given(await realm.writeConfig({ kdcs: ['127.0.0.1:1'] })), options };
    },
    'a dead KDC before a good one': async () => ({
      args: given(await realm.writeConfig({ kdcs: ['127.0.0.1:1', `127.0.0.1:${realm.port}`] })),
    }),
    'a remark after the name of a KDC': async () => ({
      args: given(
        await realm.writeConfig({ kdcs: ['127.0.0.1   # primary', `127.0.0.1:${realm.port}`] }),
      ),
    }),
    'KDCs that answer over TCP alone': async () => {
      const proxy = await FaultProxy.start(realm);
      await proxy.use(({ transport }) => (transport === 'udp' ? 'silent' : 'pass'));
      return { args: given(proxy.config), end: () => proxy.stop() };
    },
    'no /etc/passwd': async () => {
      const hook = await file(
        'no-passwd.cjs',
        `const fs = require('node:fs');
         const { readFileSync } = fs;
         fs.readFileSync = (path, ...rest) =>
           readFileSync(path === '/etc/passwd' ? '/nonexistent/passwd' : path, ...rest);`,
      );
      return { args: given(realm.config), options: { node: ['--require', hook] } };
    },
    'a clockskew that libkrb5 ignores': async () => ({
      args: await withDefaults('clockskew = 5m'),
    }),
    'a clock within a larger clockskew': async () => {
      const config = '[libdefaults]\n  clockskew = 900\n';
      const skewed = await Realm.start({ users, clock: '+10m', config });
      return { args: given(skewed.config, skewed.keytab(SERVICE)), end: () => skewed.stop() };
    },
    'encryption types that libkrb5 does not know, among others': async () => ({
      args: await withDefaults('permitted_enctypes = nonsense aes256-cts aes128-cts'),
    }),
    'booleans that libkrb5 does not know': async () => ({
      args: await withDefaults('rdns = maybe', 'dns_lookup_kdc = perhaps', 'forwardable = ja'),
    }),
    'relations that mean nothing': async () => ({
      args: await withDefaults('krb4_config = /etc/krb.conf', 'v4_instance_resolve = false'),
    }),
    'lines before the first section that say nothing': async () => {
      const config = await file(
        'marked.conf',
        `\ufeff# written by hand\n\n${await readFile(realm.config, 'utf8')}`,
      );
      return { args: given(config) };
    },
    'a section that libkrb5 skips, but does not need': async () => {
      const config = await file(
        'skipped.conf',
        ` [logging]\n  default = SYSLOG\n${await readFile(realm.config, 'utf8')}`,
      );
      return { args: given(config) };
    },
    'a krb5.conf that includes a folder': async () => {
      const folder = join(realm.folder, 'krb5.conf.d');
      await mkdir(folder, { recursive: true });
      await writeFile(join(folder, 'realm.conf'), await readFile(realm.config));
      await writeFile(join(folder, 'README~'), 'no krb5.conf');
      return { args: given(await file('including.conf', `includedir ${folder}\n`)) };
    },
    'a folder in place of krb5.conf': async () => {
      const folder = join(realm.folder, 'folder.d');
      await mkdir(folder, { recursive: true });
      await writeFile(join(folder, 'realm.conf'), await readFile(realm.config));
      return { args: given(folder) };
    },
    'one of two default krb5.confs that is not there': async () => ({
      args: ['-k', realm.keytab(SERVICE)],
      options: { env: { KRB5_CONFIG: `/nonexistent/krb5.conf:${realm.config}` } },
    }),
    'a keytab of the environment': async () => ({ args: [], options: { env: realm.env } }),
    'a keytab that others may read': async () => {
      const keytab = await realm.writeKeytab(SERVICE);
      await chmod(keytab, 0o644);
      return { args: given(realm.config, keytab) };
    },
    'a keytab with keys of other versions and services': async () => {
      await realm.addService('many/localhost');
      const keytab = realm.keytab('many/localhost');
      await realm.kadmin('ktadd', '-k', keytab, 'many/localhost');
      await realm.kadmin('ktadd', '-norandkey', '-k', keytab, SERVICE);
      return { args: ['-s', 'many', ...given(realm.config, keytab)] };
    },
    'a keytab that ends within an entry that nobody needs': async () => {
      const bytes = await readFile(realm.keytab(SERVICE));
      return { args: given(realm.config, await file('cut.keytab', bytes.subarray(0, -20))) };
    },
    'a service that must prove itself before a login': async () => ({
      args: await service('proof', ['modprinc', '+requires_preauth', 'proof/localhost']),
      user: 'proved',
    }),
    'a service whose own password has expired': async () => ({
      args: await service('stale', ['modprinc', '-pwexpire', '1/1/2001', 'stale/localhost']),
    }),
    'a service that is locked out by wrong keys': async () => {
      await realm.kadmin('addpol', '-maxfailure', '1', '-lockoutduration', '1h', 'strict');
      const args = await service(
        'locked',
        ['modprinc', '-policy', 'strict', '+requires_preauth', 'locked/localhost'],
        ['modprinc', '-allow_svr', 'locked/localhost'],
        ['modprinc', '+allow_svr', 'locked/localhost'],
      );
      const wrong = await realm.writeWrongKeytab('locked/localhost');
      await runCommand([
        'doctor',
        '-H',
        'localhost',
        '-s',
        'locked',
        ...given(realm.config, wrong),
      ]);
      return { args, user: 'proved' };
    },
    'a host whose name has no address': async () => {
      await realm.addService('HTTP/www.invalid');
      return {
        args: ['-H', 'www.invalid', ...given(realm.config, realm.keytab('HTTP/www.invalid'))],
      };
    },
  };

  for (const [what, make] of Object.entries(setUps)) {
    it(what, async () => {
      const { args, options = {}, user = 'alice', password = 'wonderland', end } = await make();
      try {
        const words = ['-H', 'localhost', ...args, '--password-stdin', user];
        const login = await runCommand(['check', ...words], { ...options, input: password });
        equal(login.code, 0, `no login: ${login.stderr}`);
        for (const more of [[], ['--password-stdin', user]]) {
          const doctor = ['doctor', '--json', '-H', 'localhost', ...args, ...more];
          const { code, stdout } = await runCommand(doctor, { ...options, input: password });
          equal(code, 0, stdout);
        }
      } finally {
        await end?.();
      }
    });
  }
});
