// Tells calls that their AbortSignal is aborted. Many calls may share one signal, and Node warns of a
// signal with more than ten listeners. So each signal has one listener, for all of its calls.

interface Abortable {
  abort(reason: unknown): void;
}

/** The calls that each signal can abort. */
const watched = new WeakMap<AbortSignal, Set<Abortable>>();

/** From now on, `signal` aborts `call`. */
export function watch(signal: AbortSignal, call: Abortable): void {
  const calls = watched.get(signal) ?? new Set();
  watched.set(signal, calls);
  if (calls.size === 0) signal.addEventListener('abort', abortAll);
  calls.add(call);
}

export function unwatch(signal: AbortSignal, call: Abortable): void {
  const calls = watched.get(signal);
  if (calls?.delete(call) && calls.size === 0) signal.removeEventListener('abort', abortAll);
}

function abortAll({ target }: Event): void {
  const signal = target as AbortSignal;
  for (const call of [...(watched.get(signal) ?? [])]) call.abort(signal.reason);
}
