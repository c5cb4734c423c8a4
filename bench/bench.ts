// What every scenario gets, and is.

import type { Realm } from 'kpass/testing';
import type { Finding, Subject } from './figures';

export interface Bench {
  realm: Realm;
  /** Who is measured, where nothing else rules them out. */
  subjects: readonly Subject[];
  /** Under a minute for all: fewer rounds, fewer rows, fewer subjects. */
  quick: boolean;
}

export type Scenario = (bench: Bench) => AsyncGenerator<Finding>;
