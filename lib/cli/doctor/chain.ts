// The chain from here to a verified login, link by link. doctor looks at a link only if all links that
// it depends on hold: behind a broken link, no result would mean anything.

import { printable } from '../../errors.js';

export type Status = 'ok' | 'warning' | 'broken' | 'not tried';

/** One look at a link, in the shape of `--json`. */
export interface Link {
  name: string;
  status: Status;
  /** What doctor saw. */
  detail: string;
  /** The repair: commands, or lines for a file. Empty if nothing has to be done. */
  remedy: string[];
  /** libkrb5's own trace, with --verbose. */
  trace?: string[];
}

export type Diagnosis = Omit<Link, 'name'>;

export const ok = (detail: string): Diagnosis => ({ status: 'ok', detail, remedy: [] });
export const warning = (detail: string, ...remedy: string[]): Diagnosis => ({
  status: 'warning',
  detail,
  remedy,
});
export const broken = (detail: string, ...remedy: string[]): Diagnosis => ({
  status: 'broken',
  detail,
  remedy,
});
export const notTried = (detail: string): Diagnosis => ({
  status: 'not tried',
  detail,
  remedy: [],
});

/** Thrown by a look that finds the link broken, and no facts. */
export class BrokenLink extends Error {
  readonly diagnosis: Diagnosis;

  constructor(diagnosis: Diagnosis) {
    super(diagnosis.detail);
    this.diagnosis = diagnosis;
  }
}

/** A link that doctor has dealt with. */
export interface Visited<T> {
  /** The facts for the links that depend on it. If null, doctor does not try those links. */
  readonly facts: T | null;
  /** The broken links that are the reason for null. */
  readonly causes: readonly string[];
}

/** The result of a look: one or more diagnoses of the link, and its facts. */
export interface LookResult<T> {
  diagnoses: Diagnosis | Diagnosis[];
  facts: T | null;
}

type Facts<Needs extends readonly Visited<unknown>[]> = {
  [K in keyof Needs]: Needs[K] extends Visited<infer T> ? T : never;
};

export interface Listener {
  onStart(progress: string): void;
  onLink(link: Link): void;
}

export class Chain {
  readonly links: Link[] = [];
  readonly #listener: Listener;

  constructor(listener: Listener) {
    this.#listener = listener;
  }

  /** Whether nothing is broken. */
  get holds(): boolean {
    return !this.links.some(({ status }) => status === 'broken');
  }

  /**
   * Looks at a link, with the facts of the links in `needs`. `progress` describes the step for a
   * person who waits.
   */
  async look<const Needs extends readonly Visited<unknown>[], T>(
    name: string,
    progress: string,
    needs: Needs,
    look: (...facts: Facts<Needs>) => LookResult<T> | Promise<LookResult<T>>,
  ): Promise<Visited<T>> {
    const causes = [...new Set(needs.flatMap((need) => need.causes))];
    if (causes.length > 0) {
      this.#add(name, notTried(`depends on ${causes.join(' and ')}`));
      return { facts: null, causes };
    }
    this.#listener.onStart(progress);
    const { diagnoses, facts } = await resultOf(() =>
      look(...(needs.map((need) => need.facts) as Facts<Needs>)),
    );
    for (const diagnosis of [diagnoses].flat()) this.#add(name, diagnosis);
    return { facts, causes: facts === null ? [name] : [] };
  }

  /** Makes all text printable: a part of it comes from KDCs and from DNS. */
  #add(name: string, diagnosis: Diagnosis): void {
    const link: Link = {
      name,
      status: diagnosis.status,
      detail: printable(diagnosis.detail),
      remedy: diagnosis.remedy.map(printable),
    };
    if (diagnosis.trace !== undefined) link.trace = diagnosis.trace.map(printable);
    this.links.push(link);
    this.#listener.onLink(link);
  }
}

/** Turns an unexpected error into a diagnosis, so that doctor can look at the rest of the chain. */
async function resultOf<T>(
  look: () => LookResult<T> | Promise<LookResult<T>>,
): Promise<LookResult<T>> {
  try {
    return await look();
  } catch (error) {
    if (error instanceof BrokenLink) return { diagnoses: error.diagnosis, facts: null };
    const message = error instanceof Error ? error.message : String(error);
    return { diagnoses: broken(message), facts: null };
  }
}
