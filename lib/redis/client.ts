// Finds out how to send a command through the caller's own client, by the client's shape. kpass depends
// on no client: it neither opens nor closes connections.

import { wrongType } from '../validate.js';

/**
 * Sends a command, and resolves to the server's answer. `key`: the key that the command is about, by
 * which a client for a cluster finds the node.
 */
export type Send = (key: string, command: string[]) => Promise<unknown>;

/** ioredis and iovalkey: Redis and Cluster. */
interface CallClient {
  call(command: string, ...args: string[]): Promise<unknown>;
}

/** @valkey/valkey-glide: GlideClient and GlideClusterClient. */
interface CustomCommandClient {
  customCommand(command: string[], options?: object): Promise<unknown>;
}

/** redis (node-redis): a client, a pool. */
interface SendCommandClient {
  sendCommand(command: string[]): Promise<unknown>;
}

/** redis (node-redis): a cluster. */
interface SendCommandCluster {
  sendCommand(key: string, isReadonly: boolean, command: string[]): Promise<unknown>;
}

/** redis (node-redis): sentinels. */
interface SendCommandSentinel {
  sendCommand(isReadonly: boolean, command: string[]): Promise<unknown>;
}

export type RedisLike =
  | CallClient
  | CustomCommandClient
  | SendCommandClient
  | SendCommandCluster
  | SendCommandSentinel;

/** @throws TypeError (ERR_INVALID_ARG_TYPE) for anything but a client that kpass knows, or a function */
export function sendThrough(client: RedisLike | Send): Send {
  if (typeof client === 'function') return client;
  const has = (name: string) =>
    typeof (client as unknown as Record<string, unknown> | null)?.[name] === 'function';
  if (has('call')) {
    const { call } = client as CallClient;
    return (_, [name = '', ...args]) => call.call(client, name, ...args);
  }
  if (has('customCommand')) return throughGlide(client as CustomCommandClient);
  if (has('sendCommand')) return throughNodeRedis(client);
  const clients = 'a client of ioredis, iovalkey, redis or @valkey/valkey-glide, or a function';
  throw wrongType('client', clients, client);
}

/** A cluster finds the node by the keys of a command, but WAIT has none. */
function throughGlide(client: CustomCommandClient): Send {
  return (key, command) => {
    const route = { type: 'primarySlotKey', key };
    return client.customCommand(command, command[0] === 'WAIT' ? { route } : undefined);
  };
}

/** The methods of the same name take an argument of options, too: a client's has two parameters. */
function throughNodeRedis(client: object): Send {
  const { length } = (client as SendCommandClient).sendCommand;
  if (length === 4) {
    return (key, command) => (client as SendCommandCluster).sendCommand(key, false, command);
  }
  if (length === 3) {
    return (_, command) => (client as SendCommandSentinel).sendCommand(false, command);
  }
  return (_, command) => (client as SendCommandClient).sendCommand(command);
}
