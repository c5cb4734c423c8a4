// Tells calls that their AbortSignal is aborted. Many calls may share one signal, and Node warns of a
// signal with more than ten listeners. So each signal has one listener, for all of its calls.
//
// A signal may be the caller's own object, and its methods may throw.

interface Abortable {
  abort(reason: unknown): void;
}

interface Watched {
  readonly calls: Set<Abortable>;
  readonly listener: () => void;
}

const watched = new WeakMap<AbortSignal, Watched>();

/** From now on, `signal` aborts `call`. Throws an error of the signal; `call` is not watched then. */
export function watch(signal: AbortSignal, call: Abortable): void {
  const { calls, listener } = watched.get(signal) ?? firstWatch(signal);
  calls.add(call);
  if (calls.size > 1) return;
  try {
    signal.addEventListener('abort', listener);
  } catch (error) {
    calls.delete(call);
    throw error;
  }
}

/** Never throws. */
export function unwatch(signal: AbortSignal, call: Abortable): void {
  const its = watched.get(signal);
  if (!its?.calls.delete(call) || its.calls.size > 0) return;
  try {
    signal.removeEventListener('abort', its.listener);
  } catch {
    // The listener stays, and finds no calls.
  }
}

function firstWatch(signal: AbortSignal): Watched {
  const calls = new Set<Abortable>();
  // The event's target may be another object than `signal`: `signal` may be a Proxy.
  const listener = () => {
    const reason = reasonOf(signal);
    for (const call of [...calls]) call.abort(reason);
  };
  const its = { calls, listener };
  watched.set(signal, its);
  return its;
}

function reasonOf(signal: AbortSignal): unknown {
  try {
    return signal.reason;
  } catch (error) {
    return error;
  }
}
