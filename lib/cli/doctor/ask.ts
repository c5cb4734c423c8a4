// Sends one message to a KDC, by UDP or TCP, and waits for the reply.

import { createSocket } from 'node:dgram';
import { connect, isIPv6 } from 'node:net';

export type Protocol = 'UDP' | 'TCP';

export interface Endpoint {
  address: string;
  port: number;
}

interface TimedReply {
  bytes: Buffer;
  /** ms from the last sending of the message to the reply. */
  latency: number;
  /** The moment half-way between sending and reply, by this machine's clock: ms since 1970. */
  at: number;
}

/** Rejects with the system's error, or with an Error 'no answer in … ms'. */
export function ask(
  protocol: Protocol,
  endpoint: Endpoint,
  message: Buffer,
  timeout: number,
): Promise<TimedReply> {
  const exchange = protocol === 'UDP' ? overUdp : overTcp;
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

function replyOf(bytes: Buffer, sent: number): TimedReply {
  const latency = performance.now() - sent;
  return { bytes, latency, at: Date.now() - latency / 2 };
}

interface Ends {
  answer(bytes: Buffer, sent: number): void;
  fail(error: Error): void;
}

/** ms. A datagram may be lost, so it is sent again after a second, as libkrb5 does. */
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
  // Only a connected socket learns that the port refuses.
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
    if (bytes.length > MAX_BYTES) ends.fail(new Error('an answer of over 64 KB'));
    else if (bytes.length >= 4 && bytes.length >= 4 + bytes.readUInt32BE()) {
      ends.answer(bytes.subarray(4, 4 + bytes.readUInt32BE()), sent);
    }
  });
  const length = Buffer.alloc(4);
  length.writeUInt32BE(message.length);
  socket.write(Buffer.concat([length, message]));
  return () => socket.destroy();
}

const MAX_BYTES = 2 ** 16;
