// Output for a terminal: colours, unless the environment switches them off, and a line of progress
// during long steps.

import type { WriteStream } from 'node:tty';

const CODES = { green: 32, red: 31, yellow: 33, dim: 2, bold: 1 } as const;
export type Colour = keyof typeof CODES;

/** Puts text in a colour, or leaves it plain: see https://no-color.org. */
type Paint = (colour: Colour, text: string) => string;

export function painter(stream: Pick<WriteStream, 'isTTY'>): Paint {
  const colours = stream.isTTY && !process.env.NO_COLOR && process.env.TERM !== 'dumb';
  return (colour, text) => (colours ? `\x1b[${CODES[colour]}m${text}\x1b[0m` : text);
}

/** Names the current step in a line on stderr, if stderr is a terminal. `clear` removes the line. */
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

/** Prints one line of JSON. JSON escapes most control characters; a terminal obeys the others too. */
export function printJson(value: object): void {
  const escaped = (c: string) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`;
  process.stdout.write(`${JSON.stringify(value).replaceAll(/\p{Cc}/gu, escaped)}\n`);
}
