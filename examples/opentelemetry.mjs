// @ts-check
// OpenTelemetry: a span for each verification, under the span of its request, and a histogram.

import { tracingChannel } from 'node:diagnostics_channel';
import { SpanKind, SpanStatusCode } from '@opentelemetry/api';

/**
 * @param {import('@opentelemetry/api').Tracer} tracer
 * @param {import('@opentelemetry/api').Meter} meter
 */
export function instrumentKpass(tracer, meter) {
  const durations = meter.createHistogram('kpass.verify.duration', { unit: 's' });
  const calls = new WeakMap();
  tracingChannel('kpass:verify').subscribe(
    /** @type {any} */ ({
      /** @param {import('kpass').CallContext} call */
      start(call) {
        const span = tracer.startSpan('kpass.verify', { kind: SpanKind.CLIENT });
        span.setAttribute('kpass.service', call.service);
        calls.set(call, { span, begun: performance.now() });
      },
      /** @param {import('kpass').CallContext} call */
      asyncEnd(call) {
        const { span, begun } = calls.get(call);
        const attributes = attributesOf(call);
        if (call.error) span.setStatus({ code: SpanStatusCode.ERROR });
        span.setAttributes(attributes).end();
        durations.record((performance.now() - begun) / 1000, attributes);
      },
    }),
  );
}

/** @param {import('kpass').CallContext} call */
function attributesOf({ result, error }) {
  const { code, step } = /** @type {any} */ (error ?? {});
  if (error)
    return { 'kpass.outcome': 'failed', 'error.type': code ?? 'aborted', 'kpass.step': step };
  const { verified, reason } = /** @type {any} */ (result);
  return verified
    ? { 'kpass.outcome': 'verified' }
    : { 'kpass.outcome': 'denied', 'kpass.reason': reason };
}
