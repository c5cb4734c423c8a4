// A short run of the fuzzers; `npm run fuzz -- 600` is the long one.

import { equal } from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

const SECONDS = 30;

describe('the fuzzers', function () {
  this.timeout(180_000);

  it(`find nothing in ${SECONDS} seconds`, () => {
    const fuzz = join(__dirname, '../../scripts/fuzz');
    const printed = execFileSync(fuzz, [String(SECONDS)], { encoding: 'utf8' });
    equal(
      printed.match(/^fuzz: \w+ +[1-9]\d* executions, .*, 0 violations$/gm)?.length,
      6,
      printed,
    );
  });
});
