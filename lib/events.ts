// Two ways to watch verifications: the channel 'kpass:verify' of node:diagnostics_channel, and
// libkrb5's trace lines. Neither ever holds a password. The channel holds a user's name only if it was
// verified: people type their password into the name field.

import { AsyncResource } from 'node:async_hooks';
import { channel } from 'node:diagnostics_channel';
import type { NativeOutcome } from './binding.js';
import type { DenialReason } from './denials.js';
import { KpassError, meaningOf, printable } from './errors.js';
import type { Settings, Trace } from './settings.js';
import { nextTick, now } from './time.js';

/** One verification that has ended: the message of the channel 'kpass:verify'. */
export interface VerifyEvent {
  service: string;
  /** Null: this machine's canonical name. */
  host: string | null;
  /** ms, including the wait for a thread. */
  duration: number;
  outcome: 'verified' | 'denied' | 'failed' | 'aborted';
  /** The libkrb5 call or stage that decided the outcome. */
  step: string;
  /** If verified: the account, as the ticket names it. */
  principal?: string;
  /** If denied, or failed with ERR_KPASS_ACCOUNT. */
  reason?: DenialReason;
  /** If failed: the error's code, ERR_KPASS_… */
  code?: string;
  /** If failed: libkrb5's symbol for the error, if it has one. */
  krb5Name?: string;
}

const verifications = channel('kpass:verify');

/** The async context of a verification's caller. Undefined: nobody listens. */
export type Context = AsyncResource | undefined;

/** The present async context, if somebody listens to a verification with these settings. */
export function contextFor({ trace }: Settings): Context {
  const listened = trace !== undefined || verifications.hasSubscribers;
  return listened ? new AsyncResource('kpass') : undefined;
}

/** Calls `tell` in the context. */
export function within<Args extends unknown[]>(
  context: Context,
  tell: (...args: Args) => void,
  ...args: Args
): void {
  if (context === undefined) tell(...args);
  else context.runInAsyncScope(tell, undefined, ...args);
}

/** `started` is the time at which the verification began, by now(). */
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
  const event: VerifyEvent = { service, host, duration: now() - started, ...end };
  verifications.publish(event);
}

/** Calls the listener in the next tick: an error that it throws does not change the verdict. */
export function tellTrace(listener: Trace | undefined, trace: readonly string[]): void {
  if (listener === undefined) return;
  nextTick(() => {
    for (const line of trace) listener(printable(line.trimEnd()));
  });
}
