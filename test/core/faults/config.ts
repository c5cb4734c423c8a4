// krb5.conf missing, broken, or changed while kpass runs.

import assert from 'node:assert/strict';
import { chmod, chown, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { Verifier } from 'kpass';
import { keytabDirectory } from '../../support/services';
import { outcomeOf, type Row, type Scene, SLOW } from './scene';

const withConfig = (text: string | Buffer) => async (scene: Scene) => {
  const config = scene.path('conf');
  await writeFile(config, text);
  return scene.ask({ config });
};

export const configRows: readonly Row[] = [
  {
    fault: 'krb5.conf missing',
    outcome: 'ERR_KPASS_CONFIG',
    run: (scene) => scene.ask({ config: scene.path('conf') }),
  },
  {
    fault: 'krb5.conf unreadable',
    outcome: 'ERR_KPASS_CONFIG',
    run: async (scene) => {
      const config = await scene.realm.writeConfig();
      await chmod(config, 0);
      await scene.openToAll();
      const source = `asNobody(); ask(new Verifier({ ...options, config: '${config}' }))
        .then((outcome) => console.log(outcome.split(' ')[0]));`;
      return scene.inChild(source);
    },
  },
  {
    fault: 'krb5.conf that is a directory',
    outcome: 'ERR_KPASS_CONFIG',
    run: async (scene) => scene.ask({ config: await keytabDirectory(scene.realm) }),
  },
  {
    fault: 'krb5.conf that is a loop of links',
    outcome: 'ERR_KPASS_CONFIG',
    run: async (scene) => scene.ask({ config: await scene.linkToItself() }),
  },
  {
    fault: 'krb5.conf that is a FIFO; then the process exits',
    outcome: 'ERR_KPASS_TIMEOUT',
    waits: true,
    run: async (scene) => scene.exitWith('config', await scene.fifo()),
  },
  { fault: 'krb5.conf empty', outcome: 'ERR_KPASS_CONFIG', run: withConfig('') },
  {
    fault: 'krb5.conf with a brace that is not closed',
    outcome: 'ERR_KPASS_CONFIG',
    run: withConfig('[realms]\nEXAMPLE.COM = {\nkdc = 127.0.0.1\n'),
  },
  {
    fault: 'krb5.conf with a relation outside a section',
    outcome: 'ERR_KPASS_CONFIG',
    run: withConfig('default_realm = EXAMPLE.COM\n'),
  },
  {
    fault: 'krb5.conf with a section that is not closed',
    outcome: 'ERR_KPASS_CONFIG',
    run: withConfig('[libdefaults\ndefault_realm = EXAMPLE.COM\n'),
  },
  {
    fault: 'krb5.conf with random bytes',
    outcome: 'ERR_KPASS_CONFIG',
    run: withConfig(Buffer.from('[libdefaults]\n\0\x01\xff{{{}}}\0 = =\n', 'latin1')),
  },
  {
    fault: 'krb5.conf that includes a file that does not exist',
    outcome: 'ERR_KPASS_CONFIG',
    run: withConfig('include /nonexistent/krb5.conf\n'),
  },
  {
    fault: 'no default realm, and none for the host',
    outcome: 'ERR_KPASS_CONFIG',
    run: withConfig('[libdefaults]\n'),
  },
  {
    fault: 'a default realm that krb5.conf does not describe',
    outcome: 'ERR_KPASS_KEYTAB',
    run: withConfig('[libdefaults]\ndefault_realm = NOWHERE\ndns_lookup_kdc = false\n'),
  },
  {
    fault: 'no encryption type in common with the KDC',
    outcome: 'ERR_KPASS_CONFIG',
    run: async (scene) => {
      const more = '[libdefaults]\npermitted_enctypes = camellia256-cts-cmac\n';
      return scene.ask({ config: await scene.realm.writeConfig({ more }) });
    },
  },
  {
    fault: 'krb5.conf broken while running, and repaired',
    outcome: 'true',
    run: async (scene) => {
      const config = await scene.realm.writeConfig();
      const good = await readFile(config);
      const verifier = new Verifier(scene.optionsFor(scene.realm, { config, threads: 1 }));
      assert.equal(await outcomeOf(verifier), 'true');
      await writeFile(config, '[libdefaults\n');
      assert.equal(await outcomeOf(verifier), 'ERR_KPASS_CONFIG');
      await rm(config);
      assert.equal(await outcomeOf(verifier), 'ERR_KPASS_CONFIG');
      await writeFile(config, good);
      return outcomeOf(verifier);
    },
  },
  {
    fault: 'permission to read krb5.conf withdrawn while running',
    outcome: /^true ERR_KPASS_CONFIG krb5.conf$/,
    run: async (scene) => {
      const config = await scene.realm.writeConfig();
      const keytab = await scene.keytabForAnybody();
      await chmod(config, 0o644);
      if (process.getuid?.() === 0) await chown(config, 65534, 65534);
      return scene.inChild(`asNobody();
        const verifier = new Verifier({ ...options, keytab: '${keytab}', config: '${config}' });
        ask(verifier).then(async (first) => {
          fs.chmodSync('${config}', 0);
          console.log(first, await ask(verifier));
        });`);
    },
  },
  {
    fault: 'krb5.conf replaced by another file while running',
    outcome: 'ERR_KPASS_KDC',
    run: async (scene) => {
      const config = await scene.realm.writeConfig();
      const verifier = new Verifier(scene.optionsFor(scene.realm, { config, threads: 1 }));
      assert.equal(await outcomeOf(verifier), 'true');
      await rename(await scene.realm.writeConfig({ kdcs: ['127.0.0.1:1'] }), config);
      return outcomeOf(verifier);
    },
  },
  {
    fault: 'an included file changed while running, seen within a second',
    outcome: 'ERR_KPASS_KDC',
    waits: true,
    run: async (scene) => {
      const included = await scene.realm.writeConfig();
      const config = scene.path('conf');
      await writeFile(config, `include ${included}\n`);
      const verifier = new Verifier(scene.optionsFor(scene.realm, { config, threads: 1 }));
      assert.equal(await outcomeOf(verifier), 'true');
      await rename(await scene.realm.writeConfig({ kdcs: ['127.0.0.1:1'] }), included);
      const start = performance.now();
      let outcome = 'true';
      while (outcome === 'true' && performance.now() - start < 1_500 * SLOW) {
        outcome = await outcomeOf(verifier);
      }
      return outcome;
    },
  },
];
