export type { DenialReason } from './denials.js';
export { KpassError, type KpassErrorCode } from './errors.js';
export type { VerifyEvent } from './events.js';
export { type KpassOptions, kpass } from './kpass.js';
export type { Verdict } from './verdict.js';
export {
  Verifier,
  type VerifierOptions,
  type VerifierStats,
  type VerifyOptions,
} from './verifier.js';
