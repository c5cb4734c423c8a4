// Two ways to watch verifications: the channel 'kpass:verify' of node:diagnostics_channel, and
// libkrb5's trace lines. Neither ever holds a password. The channel holds a user's name only if it was
// verified: people type their password into the name field.

import { AsyncResource } from 'node:async_hooks';
import { type Channel, channel } from 'node:diagnostics_channel';
import type { Acceptance } from './acceptance.js';
import type { NativeAcceptance, NativeOutcome } from './binding.js';
import type { DenialReason } from './denials.js';
import { KpassError, meaningOf, printable } from './errors.js';
import { krb5Name } from './krb5-codes.js';
import type { RefusalReason } from './refusals.js';
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
  /** The login was armored (FAST). */
  armored: boolean;
  /** If verified: the account, as the ticket names it. */
  principal?: string;
  /** If denied, or failed with ERR_KPASS_ACCOUNT. */
  reason?: DenialReason;
  /** If failed: the error's code, ERR_KPASS_… */
  code?: string;
  /** If failed: libkrb5's symbol for the error, if it has one. */
  krb5Name?: string;
}

// So subscribers know the type of the messages.
declare module 'node:diagnostics_channel' {
  function subscribe(name: 'kpass:verify', onMessage: OnMessage<VerifyEvent>): void;
  function subscribe(name: 'kpass:accept', onMessage: OnMessage<AcceptEvent>): void;
  function subscribe(name: 'kpass:throttle', onMessage: OnMessage<ThrottleEvent>): void;
  function unsubscribe(name: 'kpass:throttle', onMessage: OnMessage<ThrottleEvent>): boolean;
  function unsubscribe(name: 'kpass:verify', onMessage: OnMessage<VerifyEvent>): boolean;
  function unsubscribe(name: 'kpass:accept', onMessage: OnMessage<AcceptEvent>): boolean;
}
type OnMessage<Message> = (message: Message, name: string | symbol) => void;

const verifications = channel('kpass:verify');

/** The caller's async context, for a call with these settings. Undefined: nobody listens. */
export function contextForVerify(settings: Settings): AsyncResource | undefined {
  return contextFor(settings, verifications);
}

export function contextForAccept(settings: Settings): AsyncResource | undefined {
  return contextFor(settings, accepts);
}

export function contextFor({ trace }: Settings, events: Channel): AsyncResource | undefined {
  const listened = trace !== undefined || events.hasSubscribers;
  return listened ? new AsyncResource('kpass') : undefined;
}

/** `started` is the time at which the verification began, by now(). */
export function tellVerdict(settings: Settings, started: number, outcome: NativeOutcome): void {
  if (!verifications.hasSubscribers) return;
  const { verified, step, code, principal, armored } = outcome;
  tell(
    settings,
    started,
    armored,
    verified
      ? { outcome: 'verified', step: 'krb5_verify_init_creds', principal }
      : { outcome: 'denied', step, reason: meaningOf(step, code) as DenialReason },
  );
}

/** A denial that no verification has decided: kpass/http knew the answer by itself, at this step. */
export function tellDenial(settings: Settings, step: string, reason: DenialReason): void {
  if (!verifications.hasSubscribers) return;
  tell(settings, performance.now(), false, { outcome: 'denied', step, reason });
}

/** A password that the throttle of kpass/http refused: the message of the channel 'kpass:throttle'. */
export interface ThrottleEvent {
  service: string;
  /** Null: this machine's canonical name. */
  host: string | null;
  /**
   * Stands for the account, with 17 bits: several accounts may share it. An HMAC, the same in all
   * processes with the same `secret`.
   */
  account: string;
  /** The throttle's limit. */
  attempts: number;
}

const throttles = channel('kpass:throttle');

export function tellThrottle({ service, host }: Settings, account: string, attempts: number): void {
  if (!throttles.hasSubscribers) return;
  const event: ThrottleEvent = { service, host, account, attempts };
  throttles.publish(event);
}

export function tellFailure(
  settings: Settings,
  started: number,
  reason: unknown,
  armored: boolean,
): void {
  if (!verifications.hasSubscribers) return;
  if (!(reason instanceof KpassError)) {
    tell(settings, started, armored, { outcome: 'aborted', step: 'abort' });
    return;
  }
  const { step, code, krb5Name, reason: denial } = reason;
  tell(settings, started, armored, {
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
  armored: boolean,
  end: Omit<VerifyEvent, 'service' | 'host' | 'duration' | 'armored'>,
): void {
  const event: VerifyEvent = { service, host, duration: now() - started, armored, ...end };
  verifications.publish(event);
}

/** One accept that has ended: the message of the channel 'kpass:accept'. */
export interface AcceptEvent {
  service: string;
  /** Null: this machine's canonical name, or the acceptor's `hosts`. */
  host: string | null;
  /** ms, including the wait for a thread. */
  duration: number;
  outcome: 'accepted' | 'refused' | 'failed' | 'aborted';
  /** The libkrb5 call or stage that decided the outcome. */
  step: string;
  /** If accepted: the account, as the ticket names it. */
  principal?: string;
  /** If refused. */
  reason?: RefusalReason;
  /** If failed: the error's code, ERR_KPASS_… */
  code?: string;
  /** If refused or failed: libkrb5's symbol for the error, if it has one. */
  krb5Name?: string;
  /** If refused or failed: why, in libkrb5's words or kpass's. */
  message?: string;
}

const accepts = channel('kpass:accept');

/** `started` is the time at which the accept began, by now(). */
export function tellAcceptance(
  settings: Settings,
  started: number,
  { step, code, message }: NativeAcceptance,
  result: Acceptance,
): void {
  if (!accepts.hasSubscribers) return;
  if (result.accepted) {
    const { principal } = result;
    tellAccept(settings, started, { outcome: 'accepted', step: 'krb5_rd_req', principal });
    return;
  }
  const { reason } = result;
  const name = code === 0 ? undefined : krb5Name(code);
  tellAccept(settings, started, {
    outcome: 'refused',
    step,
    reason,
    message: printable(message),
    ...(name !== undefined && { krb5Name: name }),
  });
}

export function tellAcceptFailure(settings: Settings, started: number, reason: unknown): void {
  if (!accepts.hasSubscribers) return;
  if (!(reason instanceof KpassError)) {
    tellAccept(settings, started, { outcome: 'aborted', step: 'abort' });
    return;
  }
  const { step, code, krb5Name: name, message } = reason;
  tellAccept(settings, started, {
    outcome: 'failed',
    step,
    code,
    message,
    ...(name !== undefined && { krb5Name: name }),
  });
}

function tellAccept(
  { service, host }: Settings,
  started: number,
  end: Omit<AcceptEvent, 'service' | 'host' | 'duration'>,
): void {
  const event: AcceptEvent = { service, host, duration: now() - started, ...end };
  accepts.publish(event);
}

/** Calls the listener in the next tick: an error that it throws does not change the verdict. */
export function tellTrace(listener: Trace | undefined, trace: readonly string[]): void {
  if (listener === undefined) return;
  nextTick(() => {
    for (const line of trace) listener(printable(line.trimEnd()));
  });
}
