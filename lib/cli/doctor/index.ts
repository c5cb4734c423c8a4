// kpass doctor: what is broken between here and a verified login, and what to do.

import { checkSettings } from '../../settings.js';
import { readPassword } from '../password.js';
import { Progress } from '../terminal.js';
import {
  COMMON,
  doctorLine,
  onlyUser,
  parse,
  SERVICE,
  SERVICE_HELP,
  verifierOptions,
} from '../usage.js';
import { Chain } from './chain.js';
import { printLink, printSummary } from './print.js';
import { walk } from './walk.js';

const USAGE = `usage: kpass doctor [USER] [options]

Walks the chain from here to a verified login, link by link, and says of each
whether it holds and what to do if not. Run it as the user that the service runs
as. With a USER it ends with a login, and asks for the password.

${SERVICE_HELP}  -v, --verbose        libkrb5's own account of each login: not for publication,
                       as passwords can be guessed with what it holds

Exit codes: 0 the chain holds, 1 a link is broken, 2 wrong usage.
`;

const OPTIONS = { ...COMMON, ...SERVICE, verbose: { type: 'boolean', short: 'v' } } as const;

export async function doctor(args: string[]): Promise<number> {
  const { values, positionals } = parse(args, OPTIONS);
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const name = onlyUser(positionals);
  const options = verifierOptions(values);
  // Options that can never work are wrong usage.
  const settings = checkSettings(options);
  const fromStdin = values['password-stdin'] ?? false;
  // Asked for at the start: then nobody has to wait for the question.
  const user = name === undefined ? null : { name, password: await readPassword(name, fromStdin) };

  const progress = new Progress(!values.json);
  const chain = new Chain({
    onStart: (text) => progress.show(text),
    onLink: (link) => {
      if (values.verbose !== true) delete link.trace;
      progress.clear();
      if (values.json !== true) printLink(link);
    },
  });
  try {
    await walk(chain, options, settings, user);
  } finally {
    progress.clear();
    user?.password.fill(0);
  }
  if (values.json) {
    process.stdout.write(`${JSON.stringify({ ok: chain.holds, links: chain.links })}\n`);
  } else {
    printSummary(chain.links, user === null ? doctorLine(settings, 'USER') : null);
  }
  return chain.holds ? 0 : 1;
}
