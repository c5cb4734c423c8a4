// kpass doctor: finds the broken link between here and a verified login, and tells how to repair it.

import { checkSettings } from '../../settings.js';
import { readPassword } from '../password.js';
import { Progress, printJson } from '../terminal.js';
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

Checks the chain from here to a verified login, link by link. For each link it says
whether the link holds, and what to do if it does not. Run it as the user that runs the
service. With a USER it also tries a login, and asks for that user's password.

${SERVICE_HELP}  -v, --verbose        show libkrb5's own trace of each login. Do not publish it:
                       passwords can be guessed from it

Exit codes: 0 nothing is broken, 1 a link is broken, 2 the usage is wrong.
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
  // Throws for options that can never work: wrong usage.
  const settings = checkSettings(options);
  const fromStdin = values['password-stdin'] ?? false;
  // At the start: nobody has to wait for the prompt.
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
    printJson({ ok: chain.holds, links: chain.links });
  } else {
    printSummary(chain.links, user === null ? doctorLine(settings, 'USER') : null);
  }
  return chain.holds ? 0 : 1;
}
