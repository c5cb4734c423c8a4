// kpass check for a user with a token.

import { deepEqual, equal, match } from 'node:assert/strict';
import { COMMAND, runCommand } from '../support/command';
import { type OtpRealm, startOtpRealm } from '../support/otp';
import { SERVICE } from '../support/subject';
import { atTerminal } from '../support/terminal';

describe('kpass check, for a user with a token', () => {
  let scene: OtpRealm;
  before(async () => {
    scene = await startOtpRealm();
    await scene.addTokenUser('token');
  });
  after(() => scene?.[Symbol.asyncDispose]());

  const common = () => [
    'check',
    'token',
    '-H',
    'localhost',
    '-k',
    scene.realm.keytab(SERVICE),
    '-c',
    scene.realm.config,
  ];
  const STEPS = [
    { wait: 'Password of token: ', type: 'secret\r' },
    { wait: 'Token of token: ', type: '123456\r' },
  ];

  for (const [rule, value, more] of [
    ['by default after the password', 'secret123456', []],
    ['with --otp joined after the password', 'secret123456', ['--otp', 'joined']],
    ['with --otp alone by itself', '123456', ['--otp', 'alone']],
  ] as const) {
    it(`asks for the value, and sends it ${rule}`, async () => {
      scene.radius.allow('token', value);
      const session = await atTerminal([process.execPath, COMMAND, ...common(), ...more], STEPS);
      equal(session.code, 0, session.shown);
      deepEqual(session.echo, [false, false]);
      match(session.shown, /token@EXAMPLE\.COM: the password is right/);
      equal(scene.radius.asked.at(-1), `token:${value}`);
    });
  }

  it('does not ask with --password-stdin, and sends nothing as a value', async () => {
    const before = scene.radius.asked.length;
    const args = [...common(), '--password-stdin', '--json'];
    const { code, stdout } = await runCommand(args, { input: 'secret' });
    equal(code, 1);
    deepEqual(JSON.parse(stdout), { verified: false, reason: 'second-factor' });
    equal(scene.radius.asked.length, before);
  });

  it('knows two rules', async () => {
    const { code } = await runCommand([...common(), '--otp', 'never']);
    equal(code, 2);
  });
});
