// The answers that kpass gives itself: short plain texts, which no cache may keep.

import type { ServerResponse } from 'node:http';

export type Headers = Readonly<Record<string, string | string[]>>;

export function answer(
  response: ServerResponse,
  status: number,
  text: string,
  headers: Headers,
): void {
  if (response.headersSent) return; // Other code has answered in the meantime.
  response.statusCode = status;
  response.setHeader('Content-Type', 'text/plain; charset=utf-8');
  response.setHeader('Cache-Control', 'no-store');
  setHeaders(response, headers);
  response.end(`${text}\n`);
}

/** An array becomes one header line for each value. */
export function setHeaders(response: ServerResponse, headers: Headers): void {
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
}
