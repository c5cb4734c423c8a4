import './outside.js';

export type { Acceptance } from './acceptance.js';
export {
  type AcceptOptions,
  Acceptor,
  type AcceptorOptions,
  type AcceptorStats,
} from './acceptor.js';
export type { DenialReason } from './denials.js';
export { KpassError, type KpassErrorCode } from './errors.js';
export type { AcceptEvent, ThrottleEvent, VerifyEvent } from './events.js';
export { type KpassOptions, kpass } from './kpass.js';
export type { PasswordChange, PasswordChangeReason } from './password-change.js';
export type { PasswordEvent } from './password-events.js';
export type { RefusalReason } from './refusals.js';
export type { CallContext } from './tracing.js';
export type { Verdict } from './verdict.js';
export {
  Verifier,
  type VerifierOptions,
  type VerifierStats,
  type VerifyOptions,
} from './verifier.js';
