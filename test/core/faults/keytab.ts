// The keytab rotated, broken, or replaced while kpass runs.

import assert from 'node:assert/strict';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { Verifier } from 'kpass';
import { keytabFrom } from '../../support/services';
import { SERVICE } from '../../support/subject';
import { only, outcomeOf, type Row, type Scene } from './scene';

const withKeytab = (bytes: string | Buffer) => async (scene: Scene) =>
  scene.ask({ keytab: await keytabFrom(scene.realm, bytes) });

export const keytabRows: readonly Row[] = [
  {
    fault: 'the keytab rotated while running: another file in its place',
    outcome: 'true',
    run: (scene) => rotated(scene, (from, to) => rename(from, to)),
  },
  {
    fault: 'the keytab rotated while running: rewritten in place',
    outcome: 'true',
    run: (scene) => rotated(scene, async (from, to) => writeFile(to, await readFile(from))),
  },
  {
    fault: 'the keytab replaced by a directory while running',
    outcome: 'ERR_KPASS_KEYTAB',
    run: (scene) => spoiled(scene, (keytab) => rm(keytab).then(() => mkdir(keytab))),
  },
  {
    fault: 'the keytab removed while running',
    outcome: 'ERR_KPASS_KEYTAB',
    run: (scene) => spoiled(scene, (keytab) => rm(keytab)),
  },
  {
    fault: 'the keytab emptied while running',
    outcome: 'ERR_KPASS_KEYTAB',
    run: (scene) => spoiled(scene, (keytab) => writeFile(keytab, '')),
  },
  {
    fault: 'permission to read the keytab withdrawn while running',
    outcome: /^true ERR_KPASS_KEYTAB krb5_kt_get_entry$/,
    run: async (scene) => {
      const keytab = await scene.keytabForAnybody();
      const source = `asNobody();
        const verifier = new Verifier({ ...options, keytab: '${keytab}' });
        ask(verifier).then(async (first) => {
          fs.chmodSync('${keytab}', 0);
          console.log(first, await ask(verifier));
        });`;
      return scene.inChild(source);
    },
  },
  {
    fault: 'a keytab that a full disk cut short, at any byte',
    outcome: /^ERR_KPASS_KEYTAB( ERR_KPASS_UNVERIFIED)?( true)?$/,
    within: 20_000,
    run: async (scene) => {
      const whole = await readFile(scene.realm.keytab(SERVICE));
      const keytab = scene.path('keytab');
      const verifier = new Verifier(scene.optionsFor(scene.realm, { keytab }));
      const outcomes: string[] = [];
      for (let size = 0; size < whole.length; size++) {
        await writeFile(keytab, whole.subarray(0, size), { mode: 0o600 });
        outcomes.push(await outcomeOf(verifier));
      }
      return only(outcomes, 'ERR_KPASS_KEYTAB', 'ERR_KPASS_UNVERIFIED', 'true');
    },
  },
  {
    fault: 'a keytab that a full disk left as zeros of the same size',
    outcome: 'ERR_KPASS_KEYTAB',
    run: async (scene) => {
      const { length } = await readFile(scene.realm.keytab(SERVICE));
      return withKeytab(Buffer.alloc(length))(scene);
    },
  },
  {
    fault: 'a keytab that a full disk left without its keys',
    outcome: 'ERR_KPASS_UNVERIFIED',
    run: async (scene) => {
      const bytes = await readFile(scene.realm.keytab(SERVICE));
      return withKeytab(Buffer.from(bytes).fill(0, 60))(scene);
    },
  },
  {
    fault: '/dev/full for a keytab, which reads as endless zeros',
    outcome: 'ERR_KPASS_KEYTAB',
    run: (scene) => scene.ask({ keytab: '/dev/full' }),
  },
  {
    fault: '/dev/null for a keytab',
    outcome: 'ERR_KPASS_KEYTAB',
    run: (scene) => scene.ask({ keytab: '/dev/null' }),
  },
  {
    fault: 'a FIFO for a keytab; then the process exits',
    outcome: 'ERR_KPASS_TIMEOUT',
    waits: true,
    run: async (scene) => scene.exitWith('keytab', await scene.fifo()),
  },
  {
    fault: 'a loop of links for a keytab',
    outcome: 'ERR_KPASS_KEYTAB',
    run: async (scene) => scene.ask({ keytab: await scene.linkToItself() }),
  },
  {
    fault: 'a keytab below a file',
    outcome: 'ERR_KPASS_KEYTAB',
    run: (scene) => scene.ask({ keytab: `${scene.realm.keytab(SERVICE)}/keytab` }),
  },
  {
    fault: 'a keytab with a path that is too long',
    outcome: 'ERR_KPASS_KEYTAB',
    run: (scene) => scene.ask({ keytab: `/${'k'.repeat(5_000)}` }),
  },
  {
    fault: 'a keytab of 5 MB, with the right key at its end',
    outcome: 'true',
    within: 20_000,
    waits: true,
    run: async (scene) => {
      const whole = await readFile(scene.realm.keytab(SERVICE));
      // Copies of the entries, with another name, come first.
      const others = Buffer.from(
        whole.subarray(2).toString('latin1').replaceAll('HTTP', 'HTTQ'),
        'latin1',
      );
      const copies = Array<Buffer>(Math.ceil(5_000_000 / others.length)).fill(others);
      return withKeytab(Buffer.concat([whole.subarray(0, 2), ...copies, whole.subarray(2)]))(scene);
    },
  },
  ...[0x7fffffff, -0x80000000, -1, 1].map((size): Row => {
    const entry = Buffer.alloc(64, 0xff);
    entry.writeUInt16BE(0x0502);
    entry.writeInt32BE(size, 2);
    const fault = `a keytab with an entry that says its size is ${size}`;
    return { fault, outcome: 'ERR_KPASS_KEYTAB', run: withKeytab(entry) };
  }),
];

/** Rotates a service's key, and puts the new keytab in place of the one in use. */
async function rotated(
  scene: Scene,
  put: (from: string, to: string) => Promise<void>,
): Promise<string> {
  const service = `rotated${scene.next()}`;
  await scene.realm.addService(`${service}/localhost`);
  const keytab = scene.realm.keytab(`${service}/localhost`);
  const verifier = new Verifier(scene.optionsFor(scene.realm, { service, keytab, threads: 1 }));
  assert.equal(await outcomeOf(verifier), 'true');
  await scene.realm.rotateKey(`${service}/localhost`);
  assert.equal(await outcomeOf(verifier), 'ERR_KPASS_KEYTAB');
  await put(await scene.realm.writeKeytab(`${service}/localhost`), keytab);
  return outcomeOf(verifier);
}

/** Verifies after `spoil` has changed a keytab in use. */
async function spoiled(scene: Scene, spoil: (keytab: string) => Promise<void>): Promise<string> {
  const keytab = await scene.realm.writeKeytab(SERVICE);
  const verifier = new Verifier(scene.optionsFor(scene.realm, { keytab, threads: 1 }));
  assert.equal(await outcomeOf(verifier), 'true');
  await spoil(keytab);
  return outcomeOf(verifier);
}
