// Prints the error of a command that ends without a verdict.

import type { KpassError } from '../errors.js';
import type { VerifierOptions } from '../verifier.js';
import { printJson } from './terminal.js';
import { doctorLine } from './usage.js';

export function printError(error: KpassError, options: VerifierOptions, json = false): void {
  const { code, step, krb5Code, krb5Name, message } = error;
  if (json) {
    printJson({ error: { code, step, krb5Code, krb5Name, message } });
    return;
  }
  const lines = [
    `kpass: ${message} [${code}]`,
    'To find out what is broken, run:',
    `  ${doctorLine(options)}`,
  ];
  process.stderr.write(`${lines.join('\n')}\n`);
}
