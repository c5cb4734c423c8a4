// What an operator can watch: the channel 'kpass:verify' of node:diagnostics_channel, and the lines
// in which libkrb5 says what it does. Neither ever holds a password. On the channel there is no name
// that was not verified, either: people type their password there.

import { channel } from 'node:diagnostics_channel';
import type { Settings, Trace } from './arguments.js';
import type { NativeOutcome, NativeTrace } from './binding.js';
import { type DenialReason, KpassError, meaningOf, printable } from './errors.js';

/** A verification that ended, as subscribers of the channel 'kpass:verify' get it. */
export interface VerifyEvent {
  service: string;
  /** Null: this machine's. */
  host: string | null;
  /** ms, waiting for a thread included. */
  duration: number;
  outcome: 'verified' | 'denied' | 'failed' | 'aborted';
  /** The libkrb5 call or stage that had the last word. */
  step: string;
  /** The account, as the ticket names it, when verified. */
  principal?: string;
  /** When denied, and with ERR_KPASS_ACCOUNT. */
  reason?: DenialReason;
  /** The error's, when failed: ERR_KPASS_… */
  code?: string;
  /** libkrb5's symbol for it, where there is one. */
  krb5Name?: string;
}

const verifications = channel('kpass:verify');

/** `started` is the verification's beginning, by performance.now(). */
export function tellVerdict(settings: Settings, started: number, outcome: NativeOutcome): void {
  if (!verifications.hasSubscribers) return;
  const { verified, step, code, principal } = outcome;
  tell(
    settings,
    started,
    verified
      ? { outcome: 'verified', step: 'krb5_verify_init_creds', principal }
      : { outcome: 'denied', step, reason: meaningOf(step, code) as DenialReason },
  );
}

export function tellFailure(settings: Settings, started: number, reason: unknown): void {
  if (!verifications.hasSubscribers) return;
  if (!(reason instanceof KpassError)) {
    tell(settings, started, { outcome: 'aborted', step: 'abort' });
    return;
  }
  const { step, code, krb5Name, reason: denial } = reason;
  tell(settings, started, {
    outcome: 'failed',
    step,
    code,
    ...(krb5Name !== undefined && { krb5Name }),
    ...(denial !== undefined && { reason: denial }),
  });
}

function tell(
  { service, host }: Settings,
  started: number,
  end: Omit<VerifyEvent, 'service' | 'host' | 'duration'>,
): void {
  const event: VerifyEvent = { service, host, duration: performance.now() - started, ...end };
  verifications.publish(event);
}

/** In the next tick: what a listener throws is its program's business, and no verdict's. */
export function tellTrace(listener: Trace | undefined, trace: NativeTrace): void {
  if (listener === undefined || trace === null) return;
  process.nextTick(() => {
    for (const line of trace) listener(printable(line.trimEnd()));
  });
}
