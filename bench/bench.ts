// The type of a scenario, and of its argument.

import type { Realm } from 'kpass/testing';
import type { Measurement, Subject } from './figures';

export interface Bench {
  realm: Realm;
  /** The programs to measure. A scenario may measure fewer. */
  subjects: readonly Subject[];
  /** All scenarios together in under a minute: fewer rounds, rows and subjects. */
  quick: boolean;
}

export type Scenario = (bench: Bench) => AsyncGenerator<Measurement>;
