// The operator's own functions that kpass/http asks about a request: `secure`, `challenge`, `when`.

import type { IncomingMessage } from 'node:http';
import { report } from './failures.js';
import type { AnyRequest } from './request.js';

/**
 * A question of the operator's about a request. The request is of one kind at a time. The type says
 * both, so that a function for either kind will do.
 */
export type Question = (request: IncomingMessage & Request) => boolean;

/** The answer. Only `true` is a yes; an error or a promise is a no. */
export function says(question: Question, request: AnyRequest): boolean {
  try {
    const answered: unknown = question(request as Parameters<Question>[0]);
    if (answered === true) return true;
    if (typeof (answered as Partial<Promise<unknown>> | null)?.then === 'function') {
      Promise.resolve(answered).catch(() => {});
      throw new TypeError(
        'the options `secure`, `challenge` and `when` must give a boolean, not a promise',
      );
    }
    return false;
  } catch (error) {
    report(error, request);
    return false;
  }
}
