// Password servers that are silent, slow, broken or false. A change ends in time, never succeeds
// without the realm's own server and KDC, and says if the password may have changed.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KpassError, Verifier, VerifierOptions } from 'kpass';
import { Realm } from 'kpass/testing';
import { element, integer, tagged, time } from '../support/der';
import { FaultProxy, type Mode } from '../support/fault-proxy';
import { failureOf, verifierFor } from '../support/subject';

const OLD = 'the old password';
const NEW = 'the new password';

/** ms beyond a deadline. */
const SLACK = 100 * Number(process.env.KPASS_SLOW ?? 1);
const TIMEOUT = 500;

describe('a password server', () => {
  let realm: Realm;
  let proxy: FaultProxy;
  let users = 0;
  before(async () => {
    realm = await Realm.start({ passwords: true });
    proxy = await FaultProxy.beforePasswords(realm);
  });
  after(async () => {
    await proxy?.stop();
    await realm?.stop();
  });
  beforeEach(async () => {
    await proxy.use('pass');
    proxy.reset();
  });

  /** A new user with the password OLD. */
  async function newUser(): Promise<string> {
    users += 1;
    await realm.addUser(`user${users}`, OLD);
    return `user${users}`;
  }

  async function passwordOf(user: string): Promise<string> {
    const isOld = (await verifierFor(realm).verify(user, OLD)).verified;
    const isNew = (await verifierFor(realm).verify(user, NEW)).verified;
    assert.notEqual(isOld, isNew);
    return isNew ? NEW : OLD;
  }

  function behindProxy(more: Partial<VerifierOptions> = {}): Verifier {
    return verifierFor(realm, { config: proxy.config, timeout: TIMEOUT, ...more });
  }

  /**
   * The error of a call that ends at its deadline. A timer for the same time tells what the machine takes
   * for itself.
   */
  async function atDeadline(call: () => Promise<unknown>): Promise<KpassError> {
    const start = performance.now();
    const timer = sleep(TIMEOUT).then(() => performance.now());
    const error = await failureOf(call());
    const end = performance.now();
    assert(end - start > TIMEOUT - 5, `after ${end - start} ms`);
    const late = end - (await timer);
    assert(late < SLACK, `${late} ms after the deadline`);
    return error;
  }

  /** Waits until no thread of the verifier works for an abandoned call. */
  async function isFree(verifier: Verifier): Promise<void> {
    const start = performance.now();
    while (verifier.stats.stalled > 0) {
      await sleep(1);
      assert(performance.now() - start < SLACK, 'a thread is stalled');
    }
  }

  const MAY_HAVE_CHANGED = /may have changed.*verify the old one and the new one/;

  describe('that keeps the answer from the client', () => {
    const rows: [what: string, mode: Mode, changed: boolean, waits: boolean][] = [
      ['is silent', 'silent', false, true],
      ['answers too late', { delay: 5_000 }, true, true],
      ['closes the connection', 'drop', false, false],
      ['resets the connection', 'reset', false, false],
      ['closes the connection after the change', { reply: () => null }, true, false],
      ['answers garbage', 'garbage', false, false],
      ['answers half of the reply', 'truncated', true, false],
      ['answers nothing', { reply: () => Buffer.alloc(0) }, true, false],
      ['answers five bytes', { reply: (reply) => reply.subarray(0, 5) }, true, false],
      ['answers the header alone', { reply: (reply) => reply.subarray(0, 6) }, true, false],
      ['changes a bit of the result', { reply: flipAt(-5) }, true, false],
      ['changes a bit of the AP-REP', { reply: flipAt(60) }, true, false],
      ['changes the length of the AP-REP', { reply: flipAt(5) }, true, false],
      ['appends a byte', { reply: (r) => Buffer.concat([r, Buffer.alloc(1)]) }, true, false],
    ];
    for (const [what, mode, changed, waits] of rows) {
      it(`because it ${what}: ERR_KPASS_TIMEOUT, and both passwords may be right`, async () => {
        const user = await newUser();
        await proxy.use(mode);
        const verifier = behindProxy(waits ? {} : { timeout: 10_000 });
        const start = performance.now();
        const change = () => verifier.changePassword(user, OLD, NEW);
        const error = await (waits ? atDeadline(change) : failureOf(change()));
        assert(performance.now() - start < 5_000);
        assert.equal(error.code, 'ERR_KPASS_TIMEOUT');
        assert.equal(error.step, 'kpasswd');
        assert.equal(error.temporary, true);
        assert.match(error.message, MAY_HAVE_CHANGED);
        assert.match(error.message, new RegExp(`TCP 127\\.0\\.0\\.1:${proxy.port}`));
        await isFree(verifier);
        assert.equal(proxy.log.length, 1);
        assert.equal(await passwordOf(user), changed ? NEW : OLD);
      });
    }
  });

  it('that never accepts a connection gets nothing, and the change has not been made', async () => {
    const user = await newUser();
    await using hole = await fullServer();
    const config = await realm.writeConfig({ passwordServers: [`127.0.0.1:${hole.port}`] });
    const verifier = verifierFor(realm, { config, timeout: TIMEOUT });
    const error = await atDeadline(() => verifier.changePassword(user, OLD, NEW));
    assert.equal(error.code, 'ERR_KPASS_TIMEOUT');
    assert.equal(error.step, 'deadline');
    assert.match(error.message, /No new password was sent/);
    await isFree(verifier);
    assert.equal(await passwordOf(user), OLD);
  });

  it('that never accepts a connection is left for the next one', async () => {
    const user = await newUser();
    await using hole = await fullServer();
    const passwordServers = [`127.0.0.1:${hole.port}`, `127.0.0.1:${realm.passwordPort}`];
    const config = await realm.writeConfig({ passwordServers });
    const verifier = verifierFor(realm, { config });
    assert.equal((await verifier.changePassword(user, OLD, NEW)).changed, true);
  });

  for (const [what, send] of [
    ['a byte now and then', dribble],
    ['a frame of a gigabyte', (socket: Socket) => socket.write(Buffer.from([0x40, 0, 0, 0]))],
    ['an empty frame', (socket: Socket) => socket.write(Buffer.alloc(4))],
    ['half of a frame', (socket: Socket) => socket.end(Buffer.from([0, 0, 1, 0, 1, 2, 3]))],
  ] as const) {
    it(`that answers ${what} holds nobody beyond the deadline`, async () => {
      const user = await newUser();
      await using server = await serverThat(send);
      const config = await realm.writeConfig({ passwordServers: [`127.0.0.1:${server.port}`] });
      const verifier = verifierFor(realm, { config, timeout: TIMEOUT });
      const change = () => verifier.changePassword(user, OLD, NEW);
      const error = await (send === dribble ? atDeadline(change) : failureOf(change()));
      assert.equal(error.code, 'ERR_KPASS_TIMEOUT');
      assert.equal(error.step, 'kpasswd');
      assert.match(error.message, MAY_HAVE_CHANGED);
      await isFree(verifier);
      assert.equal(await passwordOf(user), OLD);
    });
  }

  it('holds no thread after an abort, which ends the change at once', async () => {
    const user = await newUser();
    await proxy.use('silent');
    const verifier = behindProxy({ timeout: 60_000 });
    const controller = new AbortController();
    const change = verifier.changePassword(user, OLD, NEW, { signal: controller.signal });
    while (proxy.log.length === 0) await sleep(1);
    const reason = new Error('enough');
    controller.abort(reason);
    await assert.rejects(change, reason);
    await isFree(verifier);
  });

  it('gets nothing if the change was aborted before', async () => {
    const user = await newUser();
    await using kdc = await FaultProxy.start(realm);
    const controller = new AbortController();
    await kdc.use((request) => {
      if (request.n === 2) controller.abort();
      return 'pass';
    });
    const config = await realm.writeConfig({
      kdcs: [`127.0.0.1:${kdc.port}`],
      passwordServers: [`127.0.0.1:${proxy.port}`],
    });
    const verifier = verifierFor(realm, { config });
    const { signal } = controller;
    await assert.rejects(verifier.changePassword(user, OLD, NEW, { signal }), {
      name: 'AbortError',
    });
    await isFree(verifier);
    await sleep(20);
    assert.equal(proxy.log.length, 0);
    assert.equal(await passwordOf(user), OLD);
  });

  it('whose KDC is silent after the change: ERR_KPASS_TIMEOUT, it may have changed', async () => {
    const user = await newUser();
    await using kdc = await FaultProxy.start(realm);
    await kdc.use(({ n }) => (n <= 2 ? 'pass' : 'silent'));
    const passwordServers = [`127.0.0.1:${realm.passwordPort}`];
    const config = await realm.writeConfig({ kdcs: [`127.0.0.1:${kdc.port}`], passwordServers });
    // The proxy counts messages, and the armor's login would add some.
    const verifier = verifierFor(realm, { config, timeout: TIMEOUT, fast: 'never' });
    const error = await atDeadline(() => verifier.changePassword(user, OLD, NEW));
    assert.equal(error.code, 'ERR_KPASS_TIMEOUT');
    assert.equal(error.step, 'kpasswd');
    assert.match(error.message, MAY_HAVE_CHANGED);
    assert.match(
      error.message,
      new RegExp(`EXAMPLE\\.COM \\(TCP 127\\.0\\.0\\.1:${realm.passwordPort}\\)`),
    );
    await isFree(verifier);
    assert.equal(await passwordOf(user), NEW);
  });

  describe('that is false', () => {
    /** Result codes of RFC 3244. */
    const SUCCESS = 0;
    const SOFT_ERROR = 4;

    for (const [what, code] of [
      ['success', SUCCESS],
      ['refusal', SOFT_ERROR],
    ] as const) {
      for (const framed of [true, false]) {
        it(`is not believed a ${what} in a KRB-ERROR, ${framed ? 'in a frame' : 'bare'}`, async () => {
          const user = await newUser();
          await proxy.use({
            reply: () => {
              const error = krbError(code, 'call 555-0100 for help');
              return framed ? kpasswdFrame(error) : error;
            },
          });
          const error = await failureOf(behindProxy().changePassword(user, OLD, NEW));
          assert.equal(error.code, 'ERR_KPASS_TIMEOUT');
          assert.equal(error.step, 'kpasswd');
          assert.doesNotMatch(error.message, /555/);
        });
      }
    }

    it("is not believed another change's success", async () => {
      const [one, other] = [await newUser(), await newUser()];
      let reply: Buffer = Buffer.alloc(0);
      await proxy.use({
        reply: (genuine) => {
          reply = genuine;
          return genuine;
        },
      });
      assert.equal((await behindProxy().changePassword(one, OLD, NEW)).changed, true);
      await proxy.use({ reply: () => reply });
      const error = await failureOf(behindProxy().changePassword(other, OLD, NEW));
      assert.deepEqual([error.code, error.step], ['ERR_KPASS_TIMEOUT', 'kpasswd']);
    });

    it("is not believed, with other keys than the realm's", async () => {
      const user = await newUser();
      await using impostor = await realm.impostor({ users: { [user]: OLD } });
      const passwordServers = [`127.0.0.1:${impostor.passwordPort}`];
      const config = await realm.writeConfig({ passwordServers });
      const error = await failureOf(
        verifierFor(realm, { config, timeout: TIMEOUT }).changePassword(user, OLD, NEW),
      );
      assert.deepEqual([error.code, error.step], ['ERR_KPASS_TIMEOUT', 'kpasswd']);
      assert.equal(await passwordOf(user), OLD);
    });

    it('is not believed with a false KDC that knows the old password', async () => {
      const user = await newUser();
      await using impostor = await realm.impostor({ users: { [user]: OLD } });
      const verifier = verifierFor(realm, { config: impostor.config });
      const error = await failureOf(verifier.changePassword(user, OLD, NEW));
      assert.equal(error.code, 'ERR_KPASS_UNVERIFIED');
      assert.equal(await passwordOf(user), OLD);
    });

    it('with a false KDC gets nothing, if neither knows the old password', async () => {
      const user = await newUser();
      await using impostor = await realm.impostor({ users: { [user]: 'guess' } });
      const verifier = verifierFor(realm, { config: impostor.config });
      assert.deepEqual(await verifier.changePassword(user, OLD, NEW), {
        changed: false,
        reason: 'credentials',
      });
    });

    it('is not believed by a user who types what the false KDC accepts', async () => {
      const user = await newUser();
      await using impostor = await realm.impostor({ users: { [user]: 'guess' } });
      const verifier = verifierFor(realm, { config: impostor.config });
      const error = await failureOf(verifier.changePassword(user, 'guess', NEW));
      assert.equal(error.code, 'ERR_KPASS_UNVERIFIED');
    });
  });
});

function flipAt(at: number): (reply: Buffer) => Buffer {
  return (reply) => {
    const copy = Buffer.from(reply);
    const index = at < 0 ? copy.length + at : at;
    copy[index] = (copy[index] ?? 0) ^ 1;
    return copy;
  };
}

/** A KRB-ERROR (RFC 4120, 5.9.1) with a result of RFC 3244 in its e-data. */
function krbError(code: number, words: string): Buffer {
  const result = Buffer.concat([Buffer.from([0, code]), Buffer.from(words)]);
  const names = ['kadmin', 'changepw'].map((each) => element(0x1b, Buffer.from(each)));
  const sname = element(0x30, tagged(0, integer(1)), tagged(1, element(0x30, ...names)));
  const fields = [
    tagged(0, integer(5)),
    tagged(1, integer(30)),
    tagged(4, time(new Date())),
    tagged(5, integer(0)),
    tagged(6, integer(60)),
    tagged(9, element(0x1b, Buffer.from('EXAMPLE.COM'))),
    tagged(10, sname),
    tagged(12, element(0x04, result)),
  ];
  return element(0x7e, element(0x30, ...fields));
}

/** A reply of RFC 3244 without an AP-REP. */
function kpasswdFrame(error: Buffer): Buffer {
  const header = Buffer.alloc(6);
  header.writeUInt16BE(header.length + error.length, 0);
  header.writeUInt16BE(1, 2);
  return Buffer.concat([header, error]);
}

/** Each byte comes 50 ms after the one before, and the frame is never whole. */
async function dribble(socket: Socket): Promise<void> {
  for (const byte of [0, 0, 0, 200, ...Buffer.alloc(100)]) {
    if (socket.destroyed) return;
    socket.write(Buffer.from([byte]));
    await sleep(50);
  }
}

/** A server that reads the request and sends something of its own. */
async function serverThat(send: (socket: Socket) => unknown) {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('data', () => send(socket));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    port: (server.address() as { port: number }).port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await once(server.close(), 'close');
    },
  };
}

const FULL = `
const server = require('node:net').createServer().listen(0, '127.0.0.1', 1, () => {
  require('node:fs').writeSync(1, String(server.address().port));
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
});`;

/** A server that accepts nobody: its queue of connections is full, and the kernel drops all others. */
async function fullServer() {
  const child = spawn(process.execPath, ['-e', FULL], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [output] = await once(child.stdout, 'data');
  const port = Number(output);
  const sockets: Socket[] = [];
  for (let full = false; !full; ) {
    const socket = connect(port, '127.0.0.1').on('error', () => {});
    sockets.push(socket);
    const connected = once(socket, 'connect').then(() => true);
    full = !(await Promise.race([connected, sleep(200).then(() => false)]));
  }
  return {
    port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}
