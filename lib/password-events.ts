// The channel 'kpass:password' of node:diagnostics_channel tells of changes of passwords. It never
// holds a password, nor a user's name unless that was verified.

import type { AsyncResource } from 'node:async_hooks';
import { channel } from 'node:diagnostics_channel';
import { KpassError } from './errors.js';
import { contextFor } from './events.js';
import type { PasswordChange, PasswordChangeReason } from './password-change.js';
import type { Settings } from './settings.js';
import { now } from './time.js';

/** One change of a password that has ended: the message of the channel 'kpass:password'. */
export interface PasswordEvent {
  service: string;
  /** Null: this machine's canonical name. */
  host: string | null;
  /** ms, including the wait for a thread. */
  duration: number;
  outcome: 'changed' | 'denied' | 'failed' | 'aborted';
  /** The libkrb5 call or stage that decided the outcome. 'kpasswd': it may have changed. */
  step: string;
  /** If changed: the account, as the ticket names it. */
  principal?: string;
  /** If denied. */
  reason?: PasswordChangeReason;
  /** If failed: the error's code, ERR_KPASS_… */
  code?: string;
  /** If failed: libkrb5's symbol for the error, if it has one. */
  krb5Name?: string;
}

// So subscribers know the type of the messages.
declare module 'node:diagnostics_channel' {
  function subscribe(name: 'kpass:password', onMessage: OnPassword): void;
  function unsubscribe(name: 'kpass:password', onMessage: OnPassword): boolean;
}
type OnPassword = (message: PasswordEvent, name: string | symbol) => void;

const changes = channel('kpass:password');

/** The caller's async context, for a change with these settings. Undefined: nobody listens. */
export function contextForChange(settings: Settings): AsyncResource | undefined {
  return contextFor(settings, changes);
}

/** `started` is the time at which the change began, by now(). */
export function tellChange(
  settings: Settings,
  started: number,
  step: string,
  result: PasswordChange,
): void {
  if (!changes.hasSubscribers) return;
  tell(
    settings,
    started,
    result.changed
      ? { outcome: 'changed', step: 'krb5_verify_init_creds', principal: result.principal }
      : { outcome: 'denied', step, reason: result.reason },
  );
}

/** A denial that no KDC has decided: kpass/http knew the answer by itself, at this step. */
export function tellChangeDenial(settings: Settings, step: string): void {
  if (!changes.hasSubscribers) return;
  tell(settings, now(), { outcome: 'denied', step, reason: 'credentials' });
}

export function tellChangeFailure(settings: Settings, started: number, reason: unknown): void {
  if (!changes.hasSubscribers) return;
  if (!(reason instanceof KpassError)) {
    tell(settings, started, { outcome: 'aborted', step: 'abort' });
    return;
  }
  const { step, code, krb5Name } = reason;
  const end = {
    outcome: 'failed',
    step,
    code,
    ...(krb5Name !== undefined && { krb5Name }),
  } as const;
  tell(settings, started, end);
}

function tell(
  { service, host }: Settings,
  started: number,
  end: Omit<PasswordEvent, 'service' | 'host' | 'duration'>,
): void {
  const event: PasswordEvent = { service, host, duration: now() - started, ...end };
  changes.publish(event);
}
