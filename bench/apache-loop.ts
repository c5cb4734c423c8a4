// Runs Apache with mod_auth_gssapi, from a temporary folder, in rounds. A call is a request with Basic
// credentials. The CPU time is Apache's alone. KRB5_CONFIG and KEYTAB name the realm.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { Agent, get, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { PASSWORD, USER } from './callers';
import { playRounds } from './rounds';

const MOST_AT_ONCE = 512;
/** The value of `getconf CLK_TCK` on every Linux. */
const TICKS_PER_SECOND = 100;

main();

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'kpass-bench-apache-'));
  const port = await freePort();
  writeFiles(folder, port);
  const apache = spawn('/usr/sbin/apache2', ['-DFOREGROUND', '-f', join(folder, 'apache.conf')], {
    env: { ...process.env, KRB5_CONFIG: join(folder, 'krb5.conf') },
    stdio: ['ignore', 'ignore', 'inherit'],
    detached: true, // a process group of its own, which `finally` kills as a whole
  });
  process.on('SIGINT', () => {}); // after a terminal's Ctrl-C, stdin ends too
  try {
    await answers(port);
    const agent = new Agent({ keepAlive: true, maxSockets: MOST_AT_ONCE });
    await playRounds(
      () => login(agent, port),
      () => cpuTime(Number(apache.pid)),
    );
  } finally {
    process.kill(-Number(apache.pid), 'SIGKILL');
    rmSync(folder, { recursive: true, maxRetries: 10 }); // Apache may still be writing there
    process.exit();
  }
}

/** Every user can read the files: Apache, started by root, serves as another user. */
function writeFiles(folder: string, port: number): void {
  chmodSync(folder, 0o755);
  copyFileSync(process.env.KRB5_CONFIG ?? '', join(folder, 'krb5.conf'));
  copyFileSync(process.env.KEYTAB ?? '', join(folder, 'keytab'));
  chmodSync(join(folder, 'keytab'), 0o644);
  mkdirSync(join(folder, 'pages'));
  writeFileSync(join(folder, 'pages/index.html'), 'page\n');
  writeFileSync(join(folder, 'apache.conf'), apacheConf(folder, port));
}

function apacheConf(folder: string, port: number): string {
  const modules = ['mpm_event', 'authn_core', 'authz_core', 'authz_user', 'dir', 'auth_gssapi'];
  return `
${modules.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`).join('\n')}
User www-data
Group www-data
ServerName localhost
Listen 127.0.0.1:${port}
PidFile ${folder}/pid
ErrorLog ${folder}/error.log
# One process, with a thread for each request, like the other subjects.
StartServers 1
ServerLimit 1
ThreadLimit ${MOST_AT_ONCE}
ThreadsPerChild ${MOST_AT_ONCE}
MaxRequestWorkers ${MOST_AT_ONCE}
KeepAlive On
MaxKeepAliveRequests 0
DocumentRoot ${folder}/pages
DirectoryIndex index.html
<Directory ${folder}/pages>
  AuthType GSSAPI
  AuthName bench
  GssapiBasicAuth On
  GssapiBasicAuthMech krb5
  GssapiAllowedMech krb5
  GssapiCredStore keytab:${folder}/keytab
  Require valid-user
</Directory>
`;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  await once(server.close(), 'close');
  return port;
}

async function answers(port: number): Promise<void> {
  for (let tries = 0; ; tries++) {
    const socket = connect(port, '127.0.0.1');
    try {
      await once(socket, 'connect');
      socket.destroy();
      return;
    } catch (error) {
      if (tries === 100) throw error;
      await sleep(50);
    }
  }
}

async function login(agent: Agent, port: number): Promise<void> {
  const auth = `${USER}:${PASSWORD}`;
  const [answer]: IncomingMessage[] = await once(
    get({ agent, host: '127.0.0.1', port, auth }),
    'response',
  );
  answer?.resume();
  assert.equal(answer?.statusCode, 200);
}

/** ms of CPU time of Apache's main process and its children. */
function cpuTime(pid: number): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
  const ticks = [pid, ...children.trim().split(' ')].map((its) => {
    const fields = readFileSync(`/proc/${its}/stat`, 'utf8').replace(/^.*\)/, '').split(' ');
    return Number(fields[12]) + Number(fields[13]);
  });
  return (ticks.reduce((sum, its) => sum + its) * 1_000) / TICKS_PER_SECOND;
}
