// One message to a KDC, by UDP or TCP, and its answer.

import { createSocket } from 'node:dgram';
import { connect, isIPv6 } from 'node:net';

export type Transport = 'UDP' | 'TCP';

export interface Endpoint {
  address: string;
  port: number;
}

export interface Reply {
  bytes: Buffer;
  /** ms from the sending of the message that was answered. */
  latency: number;
  /** Half-way between the sending and the answer, by this machine's clock: ms since 1970. */
  at: number;
}

/** Rejects with the system's error, or with one that says 'no answer in … ms'. */
export function ask(
  transport: Transport,
  endpoint: Endpoint,
  message: Buffer,
  timeout: number,
): Promise<Reply> {
  const exchange = transport === 'UDP' ? overUdp : overTcp;
  return new Promise((resolve, reject) => {
    const end = () => {
      clearTimeout(timer);
      close();
    };
    const fail = (error: Error) => {
      end();
      reject(error);
    };
    const answer = (bytes: Buffer, sent: number) => {
      end();
      resolve(replyOf(bytes, sent));
    };
    const close = exchange(endpoint, message, { answer, fail });
    const timer = setTimeout(() => fail(new Error(`no answer in ${timeout} ms`)), timeout);
  });
}

function replyOf(bytes: Buffer, sent: number): Reply {
  const latency = performance.now() - sent;
  return { bytes, latency, at: Date.now() - latency / 2 };
}

interface Ends {
  answer(bytes: Buffer, sent: number): void;
  fail(error: Error): void;
}

/** A datagram may be lost: as libkrb5 does, it is sent again after a second. */
const AGAIN = 1000;

function overUdp({ address, port }: Endpoint, message: Buffer, ends: Ends): () => void {
  const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
  let sent = 0;
  let state: 'connecting' | 'open' | 'closed' = 'connecting';
  const send = () => {
    if (state !== 'open') return;
    sent = performance.now();
    socket.send(message);
  };
  const again = setInterval(send, AGAIN);
  socket.on('error', ends.fail);
  socket.on('message', (bytes) => ends.answer(bytes, sent));
  // Connected, or the kernel would not tell of a refusal.
  socket.on('connect', () => {
    if (state === 'connecting') state = 'open';
    send();
  });
  socket.connect(port, address);
  return () => {
    clearInterval(again);
    if (state !== 'closed') socket.close();
    state = 'closed';
  };
}

/** RFC 4120, 7.2.2: the message follows its length in four bytes. */
function overTcp({ address, port }: Endpoint, message: Buffer, ends: Ends): () => void {
  const socket = connect(port, address);
  let bytes = Buffer.alloc(0);
  const sent = performance.now();
  socket.on('error', ends.fail);
  socket.on('end', () => ends.fail(new Error('the connection was closed without an answer')));
  socket.on('data', (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk]);
    if (bytes.length > MOST) ends.fail(new Error('an answer of over 64 KB'));
    else if (bytes.length >= 4 && bytes.length >= 4 + bytes.readUInt32BE()) {
      ends.answer(bytes.subarray(4, 4 + bytes.readUInt32BE()), sent);
    }
  });
  const length = Buffer.alloc(4);
  length.writeUInt32BE(message.length);
  socket.write(Buffer.concat([length, message]));
  return () => socket.destroy();
}

const MOST = 2 ** 16;
