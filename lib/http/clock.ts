// A clock that nobody sets: ms, from some moment on.

import { performance } from 'node:perf_hooks';

// Taken now: a test that mocks time later would make what is remembered last for ever.
export const now: () => number = performance.now.bind(performance);
