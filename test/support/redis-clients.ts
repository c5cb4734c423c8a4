// The clients that kpass/redis is tested with, each connected to a server.

import { GlideClient, Logger } from '@valkey/valkey-glide';
import { Redis } from 'ioredis';
import { Redis as Iovalkey } from 'iovalkey';
import type { RedisLike, Send } from 'kpass/redis';
import { createClient } from 'redis';

export interface Connected {
  client: RedisLike | Send;
  close(): unknown;
}

type Connect = (port: number) => Promise<Connected>;

const ignore = () => {};

// It would write warnings to stderr.
Logger.setLoggerConfig('off');

export const connectIoredis: Connect = async (port) => {
  const client = new Redis({ port, host: '127.0.0.1', maxRetriesPerRequest: null }).on(
    'error',
    ignore,
  );
  return { client, close: () => client.disconnect() };
};

/** Each client as a program has it that only connects it. */
export const CLIENTS: Record<string, Connect> = {
  ioredis: connectIoredis,
  iovalkey: async (port) => {
    const client = new Iovalkey({ port, host: '127.0.0.1' }).on('error', ignore);
    return { client, close: () => client.disconnect() };
  },
  redis: async (port) => {
    const client = createClient({ url: `redis://127.0.0.1:${port}` }).on('error', ignore);
    await client.connect();
    return { client, close: () => client.destroy() };
  },
  '@valkey/valkey-glide': async (port) => {
    const client = await GlideClient.createClient({
      addresses: [{ host: '127.0.0.1', port }],
      requestTimeout: 5_000,
    });
    return { client, close: () => client.close() };
  },
  'a function': async (port) => {
    const client = new Redis({ port, host: '127.0.0.1' }).on('error', ignore);
    const send: Send = (_, [name = '', ...args]) => client.call(name, ...args);
    return { client: send, close: () => client.disconnect() };
  },
};
