// Subscribers and trace functions run in the async context of the verification's caller. So a span of
// a tracing library is filed under the request that it belongs to.

import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { kpass, type VerifyEvent, type VerifyOptions } from 'kpass';
import { Realm } from 'kpass/testing';
import { FaultProxy } from '../support/fault-proxy';
import { optionsFor, verifierFor } from '../support/subject';

const CONTEXTS = 40;
const CALLS = 300;

describe('events and trace lines', () => {
  let realm: Realm;
  let silent: FaultProxy;
  before(async () => {
    const users = Array.from({ length: CONTEXTS }, (_, i) => [`user${i}`, 'wonderland']);
    realm = await Realm.start({
      users: Object.fromEntries(users),
      enctypes: ['aes128-cts-hmac-sha1-96'],
    });
    silent = await FaultProxy.start(realm);
    await silent.use('silent');
  });
  after(async () => {
    await silent?.stop();
    await realm?.stop();
  });

  it(`come in their own context, with ${CALLS} calls in ${CONTEXTS} contexts`, async () => {
    const context = new AsyncLocalStorage<number>();
    const events: { event: VerifyEvent; at: number | undefined }[] = [];
    const lines: { users: string[]; at: number | undefined }[] = [];
    const note = (event: unknown) =>
      events.push({ event: event as VerifyEvent, at: context.getStore() });
    const trace = (line: string) => {
      const users = [...line.matchAll(/\buser(\d+)@/g)].map(([, i = '']) => i);
      if (users.length > 0) lines.push({ users, at: context.getStore() });
    };
    const verifier = verifierFor(realm, { trace, threads: 8 });
    const waiting = verifierFor(realm, { trace, config: silent.config, timeout: 300 });
    const { config, keytab } = optionsFor(realm) as { config: string; keytab: string };

    const ways: ((user: string, i: number) => Promise<unknown>)[] = [
      (user) => verifier.verify(user, 'wonderland'),
      (user) => verifier.verify(user, 'x'),
      (user) => kpass(user, 'wonderland', 'HTTP', 'localhost', keytab, { config }),
      (user) => waiting.verify(user, 'x'),
      (user) => aborted((options) => waiting.verify(user, 'x', options)),
      (user) => verifier.verify(`${user}@`, 'x'),
      (user) => verifierFor(realm, { keytab: '/nonexistent' }).verify(user, 'x'),
    ];
    // The timer of each abort belongs to no context of the calls.
    const aborts: AbortController[] = [];
    const aborted = (verify: (options: VerifyOptions) => Promise<unknown>) => {
      const controller = new AbortController();
      aborts.push(controller);
      return verify({ signal: controller.signal });
    };

    const counts = new Map<number, number>();
    subscribe('kpass:verify', note);
    try {
      const calls = Array.from({ length: CALLS }, (_, i) => {
        const mine = i % CONTEXTS;
        counts.set(mine, (counts.get(mine) ?? 0) + 1);
        const way = ways[i % ways.length] ?? assert.fail();
        return context.run(mine, () => way(`user${mine}`, i).catch(() => {}));
      });
      for (const controller of aborts) controller.abort();
      await Promise.all(calls);
    } finally {
      unsubscribe('kpass:verify', note);
    }

    const found = new Map<number | undefined, number>();
    for (const { at } of events) found.set(at, (found.get(at) ?? 0) + 1);
    assert.deepEqual([...found].sort(), [...counts].sort());
    for (const { event, at } of events) {
      if (event.principal !== undefined) assert.equal(event.principal, `user${at}@EXAMPLE.COM`);
    }
    const outcomes = new Set(events.map(({ event }) => event.outcome));
    assert.deepEqual([...outcomes].sort(), ['aborted', 'denied', 'failed', 'verified']);
    assert.equal(new Set(lines.map(({ at }) => at)).size, CONTEXTS);
    for (const { users, at } of lines) for (const user of users) assert.equal(user, String(at));
  });
});
