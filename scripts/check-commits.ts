// Checks the messages of the commits since START: the subject says `area: imperative`, and a body
// says why. Merges are exempt. Without git, or in a clone that does not reach back to START, it
// checks nothing, and says so.
//
// usage: node --import tsx scripts/check-commits.ts

import { spawnSync } from 'node:child_process';

/** The last commit that breaks the rule; its ancestors are exempt. */
const START = '5a3386b2ebc817fc62116095d6907b79478b6b11';

const MOST = 60;
/** `net: …`, `lib/http: …` or `net, doctor: …`. */
const SUBJECT = /^[a-z][a-z0-9./-]*(, [a-z][a-z0-9./-]*)*: (?<verb>[a-z][a-z-]*) \S/;
/** "adds", "added" and "adding", but not "pass", "need", "embed" or "bring". */
const NOT_IMPERATIVE = /([^s]s|[^e]ed|ing)$/;
const IMPERATIVE = new Set(['alias', 'bring', 'embed', 'focus', 'shed', 'string']);

/** Describes the fault of a commit message; `undefined` for a good one. */
export function faultOf(message: string): string | undefined {
  const [subject = '', blank, ...body] = message.trimEnd().split('\n');
  const { verb } = SUBJECT.exec(subject)?.groups ?? {};
  if (!verb) return "the subject must read 'area: imperative', in lower case";
  if (NOT_IMPERATIVE.test(verb) && !IMPERATIVE.has(verb)) return `'${verb}' is not an imperative`;
  if ([...subject].length > MOST) return `the subject is longer than ${MOST} characters`;
  if (subject.endsWith('.')) return 'the subject ends with a full stop';
  if (blank) return 'a blank line must follow the subject';
  // A trailer gives no reason.
  if (!body.some((line) => /\S/.test(line) && !/^[\w-]+: \S+/.test(line))) {
    return 'a body must say why';
  }
  return undefined;
}

function git(...args: string[]): string | undefined {
  const { status, stdout } = spawnSync('git', args, { encoding: 'utf8' });
  return status === 0 ? stdout : undefined;
}

function main(): void {
  if (git('merge-base', '--is-ancestor', START, 'HEAD') === undefined) {
    console.error(`check: no commit was checked: this checkout has no history since ${START}`);
    return;
  }
  const log = git('log', '-z', '--no-merges', '--format=%h %B', `${START}..HEAD`);
  if (log === undefined) throw new Error('git log failed');
  for (const entry of log.split('\0').filter(Boolean)) {
    const [, hash, message = ''] = /^(\w+) (.*)$/s.exec(entry) ?? [];
    const fault = faultOf(message);
    if (!fault) continue;
    console.error(`check: commit ${hash}: ${fault}: ${message.split('\n')[0]}`);
    process.exitCode = 1;
  }
}

if (require.main === module) main();
