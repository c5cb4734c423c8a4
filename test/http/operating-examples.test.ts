// The examples for operators, each with its real package, in a real realm.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { metrics, trace } from '@opentelemetry/api';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import {
  InMemorySpanExporter,
  NodeTracerProvider,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-node';
import { type BasicAuth, basicAuth } from 'kpass/http';
import { Realm } from 'kpass/testing';
import { Registry } from 'prom-client';
import { basic, Example } from '../../examples/https-basic/run';
import { instrumentKpass } from '../../examples/opentelemetry.mjs';
import { loggerFor } from '../../examples/pino.mjs';
import { measureKpass } from '../../examples/prometheus.mjs';
import { RedisServer } from '../support/redis';
import { optionsFor, SERVICE, verifierFor } from '../support/subject';

const secret = 'one secret of all processes, 32 bytes';

describe('the examples for operators', () => {
  let realm: Realm;
  let auth: BasicAuth;
  before(async () => {
    realm = await Realm.start({ users: { alice: 'wonderland' } });
    auth = basicAuth({
      ...optionsFor(realm),
      realm: 'x',
      secure: () => true,
      throttle: { attempts: 1, window: 1_800_000 },
    });
  });
  after(async () => {
    await auth?.close();
    await realm?.stop();
  });

  it('of OpenTelemetry make a span under that of its request, and a histogram', async () => {
    const spans = new InMemorySpanExporter();
    const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] });
    provider.register();
    const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
    const reader = new PeriodicExportingMetricReader({ exporter });
    const meters = new MeterProvider({ readers: [reader] });
    await using verifier = verifierFor(realm);
    await using gone = verifierFor(realm, { config: '/nonexistent/krb5.conf' });
    try {
      const tracer = provider.getTracer('test');
      instrumentKpass(tracer, meters.getMeter('test'));
      await Promise.all(
        Array.from({ length: 30 }, (_, n) =>
          tracer.startActiveSpan(`request ${n}`, async (span) => {
            const subject = n % 3 === 2 ? gone : verifier;
            await subject.verify('alice', n % 3 ? 'wrong' : 'wonderland').catch(() => {});
            span.setAttribute('n', n).end();
          }),
        ),
      );
      const all = spans.getFinishedSpans();
      const requests = all.filter(({ name }) => name.startsWith('request'));
      assert.equal(requests.length, 30);
      for (const each of requests) {
        const id = each.spanContext().spanId;
        const children = all.filter(({ parentSpanContext }) => parentSpanContext?.spanId === id);
        assert.equal(children.length, 1);
        const outcome = ['verified', 'denied', 'failed'][Number(each.attributes.n) % 3];
        assert.equal(children[0]?.name, 'kpass.verify');
        assert.equal(children[0]?.attributes['kpass.outcome'], outcome);
      }
      await reader.forceFlush();
      const points = exporter
        .getMetrics()
        .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics))
        .flatMap(
          ({ dataPoints }) => dataPoints as { attributes: object; value: { count: number } }[],
        );
      assert.deepEqual(
        points.map(({ value }) => value.count),
        [10, 10, 10],
      );
      assert(!JSON.stringify(points).includes('alice'));
    } finally {
      await meters.shutdown();
      await provider.shutdown();
      trace.disable();
      metrics.disable();
    }
  });

  it('of Prometheus count verifications and throttled passwords', async () => {
    const registry = new Registry();
    measureKpass(auth, registry);
    await auth.verify('alice', 'wonderland');
    for (const wrong of ['a', 'b', 'c']) await auth.verify('alice', wrong);
    const page = await registry.metrics();
    assert.match(page, /^kpass_verify_seconds_count\{outcome="verified",reason="",code=""\} 1$/m);
    assert.match(page, /^kpass_throttled_total 2$/m);
    assert.match(page, /^kpass_now\{number="throttled"\} 2$/m);
    assert.doesNotMatch(page, /alice/);
  });

  it('of pino log errors with their message, and no password', async () => {
    const lines: string[] = [];
    const stream = new Writable({
      write(chunk, _, done) {
        lines.push(String(chunk));
        done();
      },
    });
    const logger = loggerFor(stream as never);
    await using broken = basicAuth({
      ...optionsFor(realm),
      config: '/nonexistent/krb5.conf',
      realm: 'x',
      secure: () => true,
    });
    const headers = { authorization: basic('alice', 'wonderland') };
    const asked = Object.assign(new IncomingMessage(null as never), { headers, url: '/page' });
    await assert.rejects(broken.check(asked));
    logger.info({ req: { headers: { ...headers } } });
    const [error = ''] = lines;
    const { err, url } = JSON.parse(error);
    assert.equal(err.code, 'ERR_KPASS_CONFIG');
    assert.match(err.message, /krb5\.conf/);
    assert.equal(url, '/page');
    const log = lines.join('');
    assert.match(log, /\[Redacted\]/);
    for (const secretText of ['wonderland', headers.authorization.slice(6)]) {
      assert(!log.includes(secretText));
    }
  });

  it('of Kubernetes are ready, and end in order', async () => {
    await using server = await RedisServer.start();
    const env = {
      ...realm.env,
      KEYTAB: realm.keytab(SERVICE),
      REDIS_URL: server.url,
      SECRET: secret,
      GRACE: '1000',
    };
    await using example = await Example.start(realm.folder, env, 'kubernetes.mjs');
    const ca = await readFile(example.certificate);
    const get = async (path: string, password?: string) => {
      const outgoing = request(new URL(path, example.url), {
        ca,
        agent: false,
        host: '127.0.0.1',
        servername: 'localhost',
        ...(password !== undefined && { headers: { authorization: basic('alice', password) } }),
      }).end();
      const [answer] = await once(outgoing, 'response');
      return [answer.statusCode, await text(answer)];
    };
    assert.deepEqual(await get('/ready'), [200, '']);
    assert.deepEqual(await get('/', 'wonderland'), [200, 'Welcome, alice@EXAMPLE.COM.']);
    const stopped = example.stop();
    // For a while the pod is not ready, and still answers.
    let [status] = await get('/ready');
    while (status === 200) [status] = await get('/ready');
    assert.equal(status, 503);
    assert.equal((await get('/', 'wrong'))[0], 401);
    await stopped;
    await example.ended();
    assert.equal(example.log, '');
    // Its last end is in the store: one wrong password, and none that is pending.
    const key = await server.command('KEYS', 'kpass:*');
    assert.match(await server.command('HVALS', key), /^w [^\n]*$/);
  });
});
