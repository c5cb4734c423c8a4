// bench/loop.c's other side: the same rounds, by the same protocol, with kpass. Made to be forked;
// each message begins a round, and is answered with the CPU time, in ms, of one verification.

import { Verifier } from 'kpass';

const [config = '', keytab = '', password = '', threads = '', count = ''] = process.argv.slice(2);

const verifier = new Verifier({
  service: 'HTTP',
  host: 'localhost',
  keytab,
  config,
  threads: Number(threads),
});

process.on('message', async () => {
  const before = process.cpuUsage();
  let left = Number(count);
  const next = async () => {
    while (left-- > 0) {
      const { verified } = await verifier.verify('alice', password);
      if (!verified) throw new Error('denied');
    }
  };
  await Promise.all(Array.from({ length: Number(threads) }, next));
  const { user, system } = process.cpuUsage(before);
  process.send?.((user + system) / 1000 / Number(count));
});
