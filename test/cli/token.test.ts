// kpass check for a user with a token.

import { deepEqual, equal, match } from 'node:assert/strict';
import { Realm } from 'kpass/testing';
import { COMMAND, runCommand } from '../support/command';
import { SERVICE } from '../support/subject';
import { atTerminal } from '../support/terminal';

describe('kpass check, for a user with a token', () => {
  let realm: Realm;
  before(async () => {
    const users = { token: { password: 'unused', token: 'only' } } as const;
    realm = await Realm.start({ tokens: true, users });
  });
  after(() => realm?.stop());

  const common = () => [
    'check',
    'token',
    '-H',
    'localhost',
    '-k',
    realm.keytab(SERVICE),
    '-c',
    realm.config,
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
      realm.tokens.allow('token', value);
      const session = await atTerminal([process.execPath, COMMAND, ...common(), ...more], STEPS);
      equal(session.code, 0, session.shown);
      deepEqual(session.echo, [false, false]);
      match(session.shown, /token@EXAMPLE\.COM: the password is right/);
      equal(realm.tokens.asked.at(-1), `token:${value}`);
    });
  }

  it('does not ask with --password-stdin, and sends nothing as a value', async () => {
    const before = realm.tokens.asked.length;
    const args = [...common(), '--password-stdin', '--json'];
    const { code, stdout } = await runCommand(args, { input: 'secret' });
    equal(code, 1);
    deepEqual(JSON.parse(stdout), { verified: false, reason: 'second-factor' });
    equal(realm.tokens.asked.length, before);
  });

  it('knows two rules', async () => {
    const { code } = await runCommand([...common(), '--otp', 'never']);
    equal(code, 2);
  });
});
