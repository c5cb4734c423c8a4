// What the terminal gets: colour where it is one and nobody objects, and a line
// of progress for what takes time.

import type { WriteStream } from 'node:tty';

const CODES = { green: 32, red: 31, yellow: 33, dim: 2, bold: 1 } as const;
export type Colour = keyof typeof CODES;

/** Writes text in a colour, or as it is: see https://no-color.org. */
export type Paint = (colour: Colour, text: string) => string;

export function painter(stream: Pick<WriteStream, 'isTTY'>): Paint {
  const colours = stream.isTTY && !process.env.NO_COLOR && process.env.TERM !== 'dumb';
  return (colour, text) => (colours ? `\x1b[${CODES[colour]}m${text}\x1b[0m` : text);
}

/** What is being waited for: one line on stderr, on a terminal only, that goes when it is over. */
export class Progress {
  readonly #stream = process.stderr;
  readonly #shown: boolean;

  constructor(wanted: boolean) {
    this.#shown = wanted && this.#stream.isTTY === true;
  }

  show(text: string): void {
    if (this.#shown) this.#stream.write(`\r\x1b[K… ${text}`);
  }

  clear(): void {
    if (this.#shown) this.#stream.write('\r\x1b[K');
  }
}
