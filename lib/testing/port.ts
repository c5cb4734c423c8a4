// A port of 127.0.0.1 for a KDC, which needs the same number for UDP and for TCP.

import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { countListeners } from './system.js';

/** Below the range from which the kernel takes ports for outgoing sockets: those come and go. */
const FIRST = 10_000;
const LAST = 32_767;

/** A port that is free at this moment, for UDP and for TCP. */
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
 * Whether more than one socket is bound to the port. krb5kdc binds with SO_REUSEPORT: two KDCs that
 * take the same port both start, and the kernel divides the requests between them.
 */
export async function isShared(port: number): Promise<boolean> {
  const counts = (['udp', 'tcp'] as const).map((protocol) => countListeners(protocol, port));
  return (await Promise.all(counts)).some((count) => count > 1);
}
