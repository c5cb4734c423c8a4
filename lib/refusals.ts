// Why a token is not accepted: the reasons, and the table that finds them.

import type { DenialReason } from './denials.js';
import { lookUp, type Meaning, meaningOf, type Row } from './errors.js';

/**
 * Why an accept came to `accepted: false`.
 *
 * - `malformed`: the token is not in the form of RFC 4178 and RFC 4121, or has not their checksum
 * - `mechanism`: NTLM or another mechanism than Kerberos, or Kerberos without its token
 * - `ticket`: the service's key does not decrypt the ticket, or the ticket is not a valid one: it is
 *   for another service or another key version, or it was changed. The keytab may be out of date
 * - `clock`: the ticket or the authenticator is not of this machine's time
 * - `replay`: the token was accepted before
 * - `bindings`: the client is bound to another channel than this one, or must be bound and is not
 * - `client`: the client is anonymous, has a malformed name, or is of a realm that may not log in
 */
export type RefusalReason =
  | 'malformed'
  | 'mechanism'
  | 'ticket'
  | 'clock'
  | 'replay'
  | 'bindings'
  | 'client';

type Refusal = RefusalReason | Exclude<Meaning, DenialReason>;

const RD_REQ = ['krb5_rd_req'];

// The first row that fits decides.
const REFUSALS: readonly Row<Refusal>[] = [
  // The machine has run out of something. The step does not matter.
  { steps: 'any', codes: ['ENOMEM', 'EMFILE', 'ENFILE'], meaning: 'ERR_KPASS_INTERNAL' },

  // kpass's own refusals: native/kerberos/acceptor.cc, channel_bindings.cc and user.cc.
  { steps: ['token', 'checksum'], codes: 'any', meaning: 'malformed' },
  { steps: ['mechanism'], codes: 'any', meaning: 'mechanism' },
  { steps: ['realm', 'client'], codes: 'any', meaning: 'client' },
  { steps: ['bindings'], codes: 'any', meaning: 'bindings' },
  { steps: ['replay'], codes: 'any', meaning: 'replay' },

  {
    steps: RD_REQ,
    codes: ['KRB5KRB_AP_ERR_SKEW', 'KRB5KRB_AP_ERR_TKT_NYV', 'KRB5KRB_AP_ERR_TKT_EXPIRED'],
    meaning: 'clock',
  },
  {
    steps: RD_REQ,
    codes: ['KRB5KRB_AP_ERR_MSG_TYPE', 'KRB5KRB_AP_ERR_BADVERSION', 'KRB5_BADMSGTYPE'],
    meaning: 'malformed',
  },
  { steps: RD_REQ, codes: /^ASN1_/, meaning: 'malformed' },
  { steps: ['krb5_find_authdata'], codes: 'any', meaning: 'malformed' },
  // The client or its KDC causes all other errors of these calls: a PAC of garbage, for example, gives
  // EINVAL or ERANGE. kpass has found the service's key in the keytab before.
  {
    steps: [...RD_REQ, 'krb5_mk_rep', 'krb5_c_make_checksum', 'krb5_unparse_name'],
    codes: 'any',
    meaning: 'ticket',
  },
];

/** The meaning of an acceptance that is not `accepted`: a refusal, or the code of an error. */
export function refusalOf(step: string, code: number): Refusal {
  return lookUp(REFUSALS, step, code) ?? (meaningOf(step, code) as Refusal);
}
