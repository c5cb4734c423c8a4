// kpass/http with a clock that the test sets ahead, so that nothing has to be waited for.

import type * as Http from 'kpass/http';

export interface Clocked {
  basicAuth: typeof Http.basicAuth;
  /** Sets its clock so many ms ahead. */
  advance(milliseconds: number): void;
}

/** A copy of its own, which took the clock when it was loaded. */
export function httpWithClock(): Clocked {
  const real = performance.now;
  let ahead = 0;
  performance.now = () => real.call(performance) + ahead;
  const loaded = { ...require.cache };
  for (const path of Object.keys(require.cache)) {
    if (path.includes('/dist/http/')) delete require.cache[path];
  }
  try {
    const { basicAuth }: typeof Http = require('kpass/http');
    return {
      basicAuth,
      advance: (milliseconds) => {
        ahead += milliseconds;
      },
    };
  } finally {
    performance.now = real;
    Object.assign(require.cache, loaded);
  }
}
