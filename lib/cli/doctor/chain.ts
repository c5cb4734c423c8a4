// The chain from here to a verified login, link by link. A link is looked at
// only where those that it hangs from hold: after a broken one nothing pretends.

import { printable } from '../../errors.js';

export type Status = 'ok' | 'warning' | 'broken' | 'not tried';

/** What a look at a link found; the shape of `--json`. */
export interface Link {
  name: string;
  status: Status;
  /** What was seen. */
  detail: string;
  /** What to do: commands, or what to write where. Empty where all is well. */
  remedy: string[];
  /** libkrb5's own account, with --verbose. */
  trace?: string[];
}

export type Finding = Omit<Link, 'name'>;

export const ok = (detail: string): Finding => ({ status: 'ok', detail, remedy: [] });
export const warning = (detail: string, ...remedy: string[]): Finding => ({
  status: 'warning',
  detail,
  remedy,
});
export const broken = (detail: string, ...remedy: string[]): Finding => ({
  status: 'broken',
  detail,
  remedy,
});
export const notTried = (detail: string): Finding => ({
  status: 'not tried',
  detail,
  remedy: [],
});

/** A link that had its turn. */
export interface Known<T> {
  /** What it gives to those that hang from it; null, and they are not tried. */
  readonly facts: T | null;
  /** The broken links because of which there are none. */
  readonly causes: readonly string[];
}

/** What a look gives back: one finding or several of the same name, and the facts. */
export interface Seen<T> {
  findings: Finding | Finding[];
  facts: T | null;
}

type Facts<Needs extends readonly Known<unknown>[]> = {
  [K in keyof Needs]: Needs[K] extends Known<infer T> ? T : never;
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
   * Looks at a link, with the facts of those that it needs. `progress` says what is going on
   * meanwhile.
   */
  async look<const Needs extends readonly Known<unknown>[], T>(
    name: string,
    progress: string,
    needs: Needs,
    look: (...facts: Facts<Needs>) => Seen<T> | Promise<Seen<T>>,
  ): Promise<Known<T>> {
    const causes = [...new Set(needs.flatMap((need) => need.causes))];
    if (causes.length > 0) {
      this.#add(name, notTried(`waits for ${causes.join(' and ')}`));
      return { facts: null, causes };
    }
    this.#listener.onStart(progress);
    const { findings, facts } = await seen(() =>
      look(...(needs.map((need) => need.facts) as Facts<Needs>)),
    );
    for (const finding of [findings].flat()) this.#add(name, finding);
    return { facts, causes: facts === null ? [name] : [] };
  }

  /** Much of it was written by others: what a KDC says of an error, names from DNS. */
  #add(name: string, finding: Finding): void {
    const link: Link = {
      name,
      status: finding.status,
      detail: printable(finding.detail),
      remedy: finding.remedy.map(printable),
    };
    if (finding.trace !== undefined) link.trace = finding.trace.map(printable);
    this.links.push(link);
    this.#listener.onLink(link);
  }
}

/** What nobody expected is a finding as well: the rest of the chain is still worth a look. */
async function seen<T>(look: () => Seen<T> | Promise<Seen<T>>): Promise<Seen<T>> {
  try {
    return await look();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { findings: broken(message), facts: null };
  }
}
