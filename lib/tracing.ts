// A TracingChannel of node:diagnostics_channel for each kind of call: `tracing:kpass:verify:start` and so
// on. Tools that draw spans subscribe to it.

import { tracingChannel } from 'node:diagnostics_channel';

/** What the subscribers get: one object for all events of a call. It never holds the name as typed. */
export interface CallContext {
  readonly service: string;
  /** Null: this machine's canonical name. */
  readonly host: string | null;
  /** The call's result, from `asyncStart` on. */
  result?: unknown;
  /** The reason of the rejection, from `error` on. */
  error?: unknown;
}

const verifications = tracingChannel<object, CallContext>('kpass:verify');
const changes = tracingChannel<object, CallContext>('kpass:password');
const accepts = tracingChannel<object, CallContext>('kpass:accept');

type Calls = typeof verifications;

export function traceVerify<Result>(
  of: Pick<CallContext, 'service' | 'host'>,
  call: () => Promise<Result>,
): Promise<Result> {
  return isTraced(verifications) ? traced(verifications, of, call) : call();
}

export function tracePassword<Result>(
  of: Pick<CallContext, 'service' | 'host'>,
  call: () => Promise<Result>,
): Promise<Result> {
  return isTraced(changes) ? traced(changes, of, call) : call();
}

export function traceAccept<Result>(
  of: Pick<CallContext, 'service' | 'host'>,
  call: () => Promise<Result>,
): Promise<Result> {
  return isTraced(accepts) ? traced(accepts, of, call) : call();
}

/** The whole channel has no `hasSubscribers` before Node 20.13. */
function isTraced({ start, end, asyncStart, asyncEnd, error }: Calls): boolean {
  return (
    start.hasSubscribers ||
    asyncEnd.hasSubscribers ||
    error.hasSubscribers ||
    end.hasSubscribers ||
    asyncStart.hasSubscribers
  );
}

function traced<Result>(
  calls: Calls,
  { service, host }: Pick<CallContext, 'service' | 'host'>,
  call: () => Promise<Result>,
): Promise<Result> {
  return calls.tracePromise(call, { service, host });
}
