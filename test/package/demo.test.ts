// `npm run demo`, without the installation before it.

import { deepEqual, equal, match } from 'node:assert/strict';
import { type ChildProcessByStdio, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';

const PROVED = [
  '✓ no credentials → 401',
  '✓ wrong password → 401',
  '✓ right password → 200',
  '✓ a ticket, without a password → 200',
  '✓ the password that the impostor accepts → 500',
  '✓ 100 with the right password → 100 × 200',
  '✓ 100 with one wrong password → 100 × 401',
  '✓ logins at the KDC → 1',
  '✓ failed ones, which count toward a lockout → 1',
  '✓ right password → 503',
];

describe('the demo', function () {
  this.timeout(120_000);

  let demo: ChildProcessByStdio<null, Readable, null>;
  afterEach(() => demo.kill('SIGKILL'));

  function start(...args: string[]): void {
    const command = ['--import', 'tsx', join(__dirname, '../../scripts/demo.ts'), ...args];
    demo = spawn(process.execPath, command, { stdio: ['ignore', 'pipe', 'inherit'] });
  }

  it('makes its requests with --once, prints the answers, and exits with 0', async () => {
    start('--once');
    const [printed, [code]] = await Promise.all([text(demo.stdout), once(demo, 'exit')]);
    const said = printed.split('\n').filter((line) => /^[✓✗]/.test(line));
    deepEqual(said, PROVED);
    equal(code, 0);
  });

  it('prints the URL, the user, the password and curl lines that work', async () => {
    start();
    const lines = createInterface(demo.stdout)[Symbol.asyncIterator]();
    const next = async (what: RegExp): Promise<string> => {
      for (;;) {
        const { value, done } = await lines.next();
        if (done) throw new Error(`The demo ended without ${what}`);
        if (what.test(value)) return value.trim();
      }
    };
    match(await next(/https:/), /^https:\/\/localhost:\d+\/ +user alice, password wonderland$/);
    const [curl = '', ...args] = (await next(/^ *curl /)).split(' ');
    match(execFileSync(curl, ['--silent', ...args], { encoding: 'utf8' }), /alice@EXAMPLE\.COM/);

    const [, ...variables] = (await next(/^ *export /)).split(' ');
    const env = { ...process.env };
    for (const each of variables) {
      const [name = '', value] = each.split(/=(.*)/);
      env[name] = value;
    }
    const [kinit = '', ...user] = (await next(/^ *kinit /)).split(' ');
    execFileSync(kinit, user, { env, input: 'wonderland\n', stdio: ['pipe', 'ignore', 'inherit'] });
    const [again = '', ...negotiate] = (await next(/^ *curl /)).split(' ');
    const answer = execFileSync(again, ['--silent', ...negotiate], { encoding: 'utf8', env });
    match(answer, /alice@EXAMPLE\.COM/);
    await next(/^KDC: a right password$/);

    demo.kill('SIGINT');
    const [code] = await once(demo, 'exit');
    equal(code, 0);
  });
});
