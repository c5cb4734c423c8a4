// CPU time that kpass/http adds to a request with known credentials, compared with the same server
// without kpass; and the CPU time of a fresh login. Rounds alternate, and medians count.

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import type { Scenario } from '../bench';
import { PASSWORD, SERVICE, USER } from '../callers';
import { figure, median } from '../figures';

const COUNT = 2_000;

// A browser's headers.
const HEADERS = `Host: localhost
Connection: keep-alive
Cache-Control: max-age=0
Authorization: Basic ${btoa(`${USER}:${PASSWORD}`)}
User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0
Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8
Accept-Encoding: gzip, deflate, br, zstd
Accept-Language: en-GB,en;q=0.9
`.replaceAll('\n', '\r\n');

export const http: Scenario = async function* ({ realm, quick }) {
  const args = [realm.config, realm.keytab(SERVICE)];
  const program = join(__dirname, '../http-server.ts');
  const child = fork(program, args, { execArgv: ['--import', 'tsx'] });
  const socket = connect(await next(child), '127.0.0.1');
  const round = (path: string, count: number) => cpuOf(child, socket, path, count);

  for (let i = 0; i < 5; i++) for (const path of ['without', 'repeated']) await round(path, COUNT);
  const added: number[] = [];
  for (let i = 0; i < (quick ? 15 : 51); i++) {
    const without = await round('without', COUNT);
    added.push((await round('repeated', COUNT)) - without);
  }
  const fresh: number[] = [];
  // One after the other: requests at the same time would share a login.
  for (let i = 0; i < (quick ? 50 : 200); i++) fresh.push(await round('fresh', 1));
  socket.destroy();
  child.kill();

  const repeated = figure(added);
  const what = 'CPU added to a Basic request';
  yield {
    id: 'http-repeated',
    what: `${what}, repeated`,
    unit: 'µs',
    figures: { kpass: repeated },
  };
  yield { id: 'http-fresh', what: `${what}, fresh`, unit: 'µs', figures: { kpass: figure(fresh) } };
  yield {
    id: 'http-ratio',
    what: `${what}: fresh over repeated`,
    unit: '×',
    value: median(fresh) / median(added),
    least: 300,
  };
};

/** µs of the server's CPU time for one request, from the mean of `count` requests. */
async function cpuOf(
  child: ChildProcess,
  socket: Socket,
  path: string,
  count: number,
): Promise<number> {
  const before = await cpu(child);
  await ask(socket, path, count);
  return ((await cpu(child)) - before) / count;
}

function cpu(child: ChildProcess): Promise<number> {
  const answer = next(child);
  child.send('cpu');
  return answer;
}

async function next(child: ChildProcess): Promise<number> {
  const [number] = await once(child, 'message');
  return Number(number);
}

/** Sends `count` requests without waiting between them, and waits for as many pages. */
function ask(socket: Socket, path: string, count: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let pages = 0;
    let rest = '';
    const read = (chunk: Buffer) => {
      const answers = (rest + chunk.toString('latin1')).split('page\n');
      rest = answers.pop() ?? '';
      pages += answers.length;
      const other = answers.find((answer) => !answer.startsWith('HTTP/1.1 200 '));
      if (other !== undefined) reject(new Error(other));
      if (pages < count) return;
      socket.off('data', read);
      resolve();
    };
    socket.on('data', read);
    socket.write(`GET /${path} HTTP/1.1\r\n${HEADERS}\r\n`.repeat(count));
  });
}
