// File descriptors and threads that the system refuses.

import type { Row } from './scene';

export const systemRows: readonly Row[] = [
  {
    fault: 'file descriptors exhausted; then free, one by one',
    outcome: /^ERR_KPASS_INTERNAL( ERR_KPASS_KDC)? true$/,
    within: 15_000,
    waits: true,
    run: (scene) =>
      scene.inChild(`
        const { execFileSync } = require('node:child_process');
        execFileSync('prlimit', ['--pid', String(process.pid), '--nofile=80:']);
        (async () => {
          await ask(new Verifier(options));
          const held = [];
          try { for (;;) held.push(fs.openSync('/dev/null')); } catch {}
          const outcomes = new Set();
          for (let free = 0; free < 12; free++) {
            outcomes.add((await ask(new Verifier(options))).split(' ')[0]);
            fs.closeSync(held.pop());
          }
          console.log(...outcomes);
        })();`),
  },
  {
    fault: 'threads refused by the system; then granted again',
    outcome: /^ERR_KPASS_INTERNAL pthread_create, true$/,
    within: 10_000,
    waits: true,
    run: async (scene) => {
      const keytab = await scene.keytabForAnybody();
      return scene.inChild(`
        asNobody();
        const [, most] = /^Max processes +(\\d+)/m.exec(fs.readFileSync('/proc/self/limits', 'utf8'));
        const shell = require('node:child_process').spawn('sh', { stdio: ['pipe', 'pipe', 'inherit'] });
        const limit = (n) => new Promise((resolve) => {
          shell.stdout.once('data', resolve);
          shell.stdin.write('prlimit --pid ' + process.pid + ' --nproc=' + n + ': && echo done\\n');
        });
        (async () => {
          const verifier = new Verifier({ ...options, keytab: '${keytab}' });
          await limit(1);
          const refused = await ask(verifier);
          await limit(most);
          console.log(refused + ', ' + (await ask(verifier)));
          process.exit();
        })();`);
    },
  },
];
