/** A port of 127.0.0.1 for a KDC, which needs the same number for UDP and for TCP. */
import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';

/** Below the range from which the kernel takes ports for outgoing sockets: those come and go. */
const FIRST = 10_000;
const LAST = 32_767;

/** A port that nobody uses at this moment, neither for UDP nor for TCP. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(FIRST, LAST + 1);
    if ((await isFree(port, bindUdp)) && (await isFree(port, bindTcp))) return port;
  }
}

async function isFree(port: number, bind: (port: number) => Promise<void>): Promise<boolean> {
  try {
    await bind(port);
    return true;
  } catch {
    return false;
  }
}

async function bindUdp(port: number): Promise<void> {
  const socket = createSocket('udp4').bind(port, '127.0.0.1');
  await once(socket, 'listening');
  socket.close();
}

async function bindTcp(port: number): Promise<void> {
  const server = createServer().listen(port, '127.0.0.1');
  await once(server, 'listening');
  server.close();
  await once(server, 'close');
}

/**
 * Whether more than one socket is bound to the port. krb5kdc binds with SO_REUSEPORT: two that take
 * the same port both start, and the kernel deals the requests out between them.
 */
export async function isShared(port: number): Promise<boolean> {
  const tables = ['/proc/net/udp', '/proc/net/tcp'].map((path) => readFile(path, 'latin1'));
  return (await Promise.all(tables)).some((table) => listeners(table, port).size > 1);
}

/** The inodes of the sockets: a table that changes while it is read can name a socket twice. */
function listeners(table: string, port: number): Set<string | undefined> {
  const local = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const rows = table.split('\n').map((line) => line.trim().split(/\s+/));
  const mine = rows.filter((row) => row[1] === local && row[2] === '00000000:0000');
  return new Set(mine.map((row) => row[9]));
}
