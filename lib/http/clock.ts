// A clock that nobody can set: ms since some moment.

import { performance } from 'node:perf_hooks';

// Taken when this file is loaded: under a test that mocks time later, cached results still expire.
export const now: () => number = performance.now.bind(performance);
