// kpass/http with a clock that a test can set ahead, so that no test has to wait.

import type * as Http from 'kpass/http';

export interface Clocked {
  basicAuth: typeof Http.basicAuth;
  /** Sets the clock ahead, by a number of ms. */
  advance(milliseconds: number): void;
}

/** Loads a separate copy of kpass/http, which takes the clock when it is loaded. */
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
