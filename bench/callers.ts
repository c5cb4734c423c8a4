// The calls of the subjects in Node.js, with their default options. KRB5_CONFIG and KEYTAB name the
// realm.

import { join } from 'node:path';
import { type Verdict, Verifier, type VerifierOptions, type VerifyOptions } from 'kpass';
import type { Subject } from './figures';

export const USER = 'alice';
export const PASSWORD = 'wonderland';
export const SERVICE = 'HTTP/localhost';
export const REALM = 'EXAMPLE.COM';

export const IN_NODE = ['kpass', 'kpass on libkrb5', 'npm kerberos'] as const satisfies Subject[];
export type InNode = (typeof IN_NODE)[number] | 'kpass unarmored';

/** A bare call. `isRight` judges the result of the call. Only kpass takes the options. */
export interface Caller {
  call(options?: VerifyOptions): Promise<unknown>;
  isRight(result: unknown): boolean;
  /** How many calls run at once; more calls wait. */
  threads: number;
  /** Only for kpass. */
  verifier?: Verifier;
}

export function callerOf(subject: InNode, more: Partial<VerifierOptions> = {}): Caller {
  if (subject === 'npm kerberos') return kerberos();
  const verifier = new Verifier({
    service: 'HTTP',
    host: 'localhost',
    keytab: process.env.KEYTAB,
    ...(subject === 'kpass on libkrb5' && { transport: 'libkrb5' }),
    ...(subject === 'kpass unarmored' && { fast: 'never' }),
    ...more,
  });
  return {
    call: (options) => verifier.verify(USER, PASSWORD, options),
    isRight: (verdict) => (verdict as Verdict).verified,
    threads: 32,
    verifier,
  };
}

interface Kerberos {
  checkPassword(user: string, password: string, service: string, realm: string): Promise<unknown>;
}

/** It runs on libuv's threads. It rejects for a wrong password. */
function kerberos(): Caller {
  const module: Kerberos = require(join(__dirname, '../build-kerberos/node_modules/kerberos'));
  return {
    call: () => module.checkPassword(USER, PASSWORD, SERVICE, REALM),
    isRight: () => true,
    threads: 4,
  };
}
