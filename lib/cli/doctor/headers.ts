// The longest ticket that Node's HTTP server lets through (Negotiate). Active Directory lists all groups of
// a user in the ticket. Node answers 431 to longer headers, and no handler sees the request.

import { maxHeaderSize } from 'node:http';
import { type LookResult, ok, warning } from './chain.js';
import type { KdcKind } from './kdc-kind.js';

/** Bytes of headers that browsers send besides the ticket, cookies not counted. */
const OTHER_HEADERS = 1024;

/** The longest token of Active Directory, MaxTokenSize, in bytes. */
const MAX_TOKEN = 48_000;

/** In base64, with other headers. */
const ENOUGH = 2 ** 17;

export function lookAtHeaders(kind: KdcKind | null): LookResult<true> {
  const largest = Math.max(0, Math.floor(((maxHeaderSize - OTHER_HEADERS) * 3) / 4));
  const detail =
    `Node's HTTP server takes ${maxHeaderSize} bytes of headers (maxHeaderSize), ` +
    `which is a ticket of some ${largest} bytes`;
  const hasGroups = kind === 'Active Directory' || kind === 'Samba';
  if (!hasGroups || largest >= MAX_TOKEN) return { diagnoses: ok(detail), facts: true };
  const diagnosis = warning(
    `${detail}; ${kind}'s have up to ${MAX_TOKEN}, for users of many groups. Negotiate fails for them ` +
      'with 431, unless your server has a maxHeaderSize of its own',
    `createServer({ maxHeaderSize: ${ENOUGH} }, …), or: node --max-http-header-size=${ENOUGH}`,
  );
  return { diagnoses: diagnosis, facts: true };
}
