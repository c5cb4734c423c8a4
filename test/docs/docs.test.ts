// The manual says what the code does: its tables name the options that the types have, its links
// resolve, and its programs run.

import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { transform } from 'esbuild';
import { Realm } from 'kpass/testing';
import { generate } from 'selfsigned';
import { withTemporaryFolder } from '../support/ends';
import { anchorsIn, linksIn, namesIn, programsIn, sectionOf, tableOf } from '../support/markdown';
import { SERVICE } from '../support/subject';

const execute = promisify(execFile);

const PACKAGE = dirname(require.resolve('kpass/package.json'));
const read = (path: string) => readFileSync(join(PACKAGE, path), 'utf8');
const filesIn = (folder: string) =>
  readdirSync(join(PACKAGE, folder)).map((name) => join(folder, name));

const PAGES = [...filesIn('.'), ...filesIn('docs')].filter((path) => path.endsWith('.md'));
const MOST_LINES = 200;

// --- What the types say ------------------------------------------------------

const SOURCES = readdirSync(join(PACKAGE, 'lib'), { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .map((path) => read(join('lib', path)))
  .join('\n');

/** The members of an exported interface or class, without inherited and private ones. */
function membersOf(type: string): string[] {
  const body = found(`export (?:interface|class) ${type}\\b[^{]*{\\n(.*?)^}`, type);
  const member = /^ {2}(?:declare |readonly |get )*([a-z]\w*)\??[:(]/gm;
  const names = [...body.matchAll(member)].map(([, name = '']) => name);
  ok(names.length > 0, type);
  return names.filter((name) => name !== 'constructor');
}

/** The texts that a type alias lists. */
function wordsOf(type: string): string[] {
  return quotedIn(found(`export type ${type} =(.*?);$`, type));
}

/** The first group of the pattern, which must match in exactly one place in lib/. */
function found(pattern: string, name: string): string {
  const places = [...SOURCES.matchAll(new RegExp(pattern, 'gms'))];
  equal(places.length, 1, `lib/ has ${places.length} declarations of ${name}`);
  return places[0]?.[1] ?? '';
}

const quotedIn = (text: string) => [...text.matchAll(/'([^']+)'/g)].map(([, word = '']) => word);
const within = (name: string, members: string[]) => members.map((member) => `${name}.${member}`);

/** The members of a type that kpass() takes. */
function pickedFrom(type: string): string[] {
  return quotedIn(found(`export type KpassOptions =.*?Pick<\\s*${type},(.*?)>`, type));
}

/** What an Acceptor takes of a Verifier's options. */
function sharedByAcceptor(): string[] {
  return quotedIn(
    found(
      'export interface AcceptorOptions\\s+extends Pick<VerifierOptions,(.*?)>',
      'AcceptorOptions',
    ),
  );
}

/** The states in STATES of lib/testing, where each state has a row of flags. */
function accountStates(): string[] {
  const body = found('^const STATES = {\\n(.*?)^}', 'STATES');
  return [...body.matchAll(/^ {2}'?([\w-]+)'?: /gm)].map(([, state = '']) => state);
}

// --- What the tables say -----------------------------------------------------

interface Table {
  page: string;
  section: string;
  column: string;
  types: () => string[];
}

const TABLES: Record<string, Table> = {
  'of a Verifier': {
    page: 'docs/options.md',
    section: 'Options',
    column: 'option',
    types: () => membersOf('VerifierOptions'),
  },
  'of one call': {
    page: 'docs/options.md',
    section: 'One call',
    column: 'option',
    types: () => membersOf('VerifyOptions'),
  },
  'of an Acceptor': {
    page: 'docs/negotiate.md',
    section: 'Options',
    column: 'option',
    types: () => [...membersOf('AcceptorOptions'), ...sharedByAcceptor()],
  },
  'of one accept': {
    page: 'docs/negotiate.md',
    section: 'One accept',
    column: 'option',
    types: () => membersOf('AcceptOptions'),
  },
  'of basicAuth()': {
    page: 'docs/http.md',
    section: 'Options',
    column: 'option',
    types: () => [
      ...membersOf('BasicAuthOptions'),
      ...within('cache', membersOf('CacheOptions')),
      ...within('throttle', membersOf('ThrottleOptions')),
    ],
  },
  'of kerberosAuth()': {
    page: 'docs/http.md',
    section: 'Tickets before passwords',
    column: 'option',
    types: () => [
      ...membersOf('KerberosAuthOptions').filter((name) => name !== 'negotiate'),
      ...within('negotiate', ['hosts', 'bindings', 'replay', ...membersOf('NegotiateOptions')]),
    ],
  },
  'of a store in Redis': {
    page: 'docs/cluster.md',
    section: 'The store',
    column: 'option',
    types: () => membersOf('RedisStoreOptions'),
  },
  'of diagnose()': {
    page: 'docs/operating.md',
    section: 'Is it ready?',
    column: 'option',
    types: () => membersOf('DiagnoseOptions'),
  },
  'of a realm': {
    page: 'docs/testing.md',
    section: 'Of a realm',
    column: 'option',
    types: () => membersOf('RealmOptions'),
  },
  'of a user': {
    page: 'docs/testing.md',
    section: 'Of a user',
    column: 'option',
    types: () => [...membersOf('UserOptions'), ...membersOf('ServiceOptions')],
  },
  'of a service': {
    page: 'docs/testing.md',
    section: 'Of a service',
    column: 'option',
    types: () => membersOf('ServiceOptions'),
  },
  'of an impostor': {
    page: 'docs/testing.md',
    section: 'Of an impostor',
    column: 'option',
    types: () => membersOf('ImpostorOptions'),
  },
  'of a krb5.conf': {
    page: 'docs/testing.md',
    section: 'Of a krb5.conf',
    column: 'option',
    types: () => [...membersOf('OwnConfigOptions'), ...membersOf('ConfigOptions')],
  },
  'of a ticket': {
    page: 'docs/testing.md',
    section: 'Of a ticket',
    column: 'option',
    types: () => membersOf('TicketOptions'),
  },
  'of a token': {
    page: 'docs/testing.md',
    section: 'Of a token',
    column: 'option',
    types: () => [...membersOf('TicketOptions'), ...membersOf('TokenOptions')],
  },
};

const OTHERS: Record<string, Table> = {
  'the codes of errors': {
    page: 'README.md',
    section: 'Errors',
    column: '`code`',
    types: () => wordsOf('KpassErrorCode'),
  },
  'the reasons of denials': {
    page: 'README.md',
    section: '`Verifier`',
    column: '`reason`',
    types: () => wordsOf('DenialReason'),
  },
  'the numbers of a Verifier': {
    page: 'docs/kdcs-and-deadlines.md',
    section: 'Watching it',
    column: 'number',
    types: () => membersOf('VerifierStats'),
  },
  'the fields of an event': {
    page: 'docs/kdcs-and-deadlines.md',
    section: 'Watching it',
    column: 'field',
    types: () => membersOf('VerifyEvent'),
  },
  'the numbers of basicAuth()': {
    page: 'docs/operating.md',
    section: 'What happened',
    column: 'number',
    types: () => [
      ...membersOf('VerificationStats'),
      ...membersOf('AuthStats'),
      'verifier.stats', // A row of its own, with a link.
    ],
  },
  'the fields of a throttled account': {
    page: 'docs/operating.md',
    section: 'What happened',
    column: 'field',
    types: () => membersOf('ThrottleEvent'),
  },
  'the reasons of changes': {
    page: 'docs/passwords.md',
    section: 'Changing a password',
    column: '`reason`',
    types: () => wordsOf('PasswordChangeReason'),
  },
  "the fields of a change's event": {
    page: 'docs/passwords.md',
    section: 'Watching it',
    column: 'field',
    types: () => membersOf('PasswordEvent'),
  },
  'the reasons of refusals': {
    page: 'docs/negotiate.md',
    section: 'One accept',
    column: '`reason`',
    types: () => wordsOf('RefusalReason'),
  },
  'the numbers of an Acceptor': {
    page: 'docs/negotiate.md',
    section: 'Watching it',
    column: 'number',
    types: () => membersOf('AcceptorStats'),
  },
  "the fields of an accept's event": {
    page: 'docs/negotiate.md',
    section: 'Watching it',
    column: 'field',
    types: () => membersOf('AcceptEvent'),
  },
  'the fields of an identity': {
    page: 'docs/http.md',
    section: 'HTTP',
    column: 'field',
    types: () => [...membersOf('Account'), ...membersOf('Identity')],
  },
  'the states of an account': {
    page: 'docs/testing.md',
    section: 'States of an account',
    column: 'state',
    types: accountStates,
  },
  'the members of a realm': {
    page: 'docs/testing.md',
    section: "A realm's members",
    column: 'member',
    types: () =>
      Object.keys(Object.getOwnPropertyDescriptors(Realm.prototype))
        .concat('name', 'folder', 'config')
        .filter((name) => name !== 'constructor'),
  },
};

const rowsOf = ({ page, section, column }: Table) =>
  tableOf(sectionOf(read(page), section), column);

describe('the manual', () => {
  for (const [name, table] of Object.entries({ ...TABLES, ...OTHERS })) {
    const options = name in TABLES ? `the options ${name}` : name;
    it(`lists ${options}, and no others, in ${table.page}`, () => {
      deepEqual(namesIn(rowsOf(table)).sort(), table.types().sort());
    });
  }

  it('marks the options that kpass() takes', () => {
    const rows = rowsOf(TABLES['of a Verifier'] as Table);
    const marked = rows.filter(([, , mark]) => mark === '✓');
    deepEqual(namesIn(marked).sort(), pickedFrom('VerifierOptions').sort());
    const calls = rowsOf(TABLES['of one call'] as Table);
    const told = calls.filter((row) => row.some((cell) => cell.includes('`kpass()` takes it')));
    deepEqual(namesIn(told).sort(), pickedFrom('VerifyOptions').sort());
  });

  it('names every field of a KpassError', () => {
    const names = namesIn(tableOf(sectionOf(read('docs/options.md'), 'Errors'), 'field'));
    deepEqual(
      membersOf('KpassError').filter((field) => !names.includes(field)),
      [],
    );
  });

  it('names every method of what basicAuth() returns', () => {
    const page = read('docs/http.md');
    deepEqual(
      membersOf('BasicAuth').filter((method) => !new RegExp(`\`auth\\.${method}[(\`]`).test(page)),
      [],
    );
  });

  it('names every option of the command, and no others', async () => {
    const page = read('docs/command.md');
    const optionsIn = (text: string) => new Set(text.match(/--[a-z][a-z-]+/g));
    const command = join(PACKAGE, 'dist', 'cli', 'index.js');
    const helps = ['doctor', 'check', 'forgive', 'passwd', 'realm', 'build'].map((name) =>
      execute(process.execPath, [command, name, '--help']),
    );
    const help = (await Promise.all(helps)).map(({ stdout }) => stdout).join('');
    deepEqual([...optionsIn(page)].sort(), [...optionsIn(help)].sort());
  });

  for (const page of PAGES) {
    it(`has only links that resolve in ${page}`, () => {
      const broken = linksIn(read(page)).filter((link) => !resolves(link, page));
      deepEqual(broken, []);
    });
  }

  it('links to every page from the README', () => {
    const links = linksIn(read('README.md'));
    deepEqual(
      PAGES.filter((page) => page !== 'README.md' && !links.includes(page)),
      [],
    );
  });

  it(`has a README of at most ${MOST_LINES} lines`, () => {
    const lines = read('README.md').trimEnd().split('\n').length;
    ok(lines <= MOST_LINES, `${lines} lines`);
  });
});

function resolves(link: string, page: string): boolean {
  if (/^https?:/.test(link)) return true;
  const [path = '', anchor] = link.split('#');
  const target = path === '' ? page : join(dirname(page), path);
  if (!existsSync(join(PACKAGE, target))) return false;
  return anchor === undefined || anchorsIn(read(target)).includes(anchor);
}

// --- The programs ------------------------------------------------------------

describe('the first programs of the manual', () => {
  let realm: Realm;
  before(async () => {
    const users = { alice: 'wonderland', carol: 'wonderland' };
    realm = await Realm.start({ users, services: [SERVICE], passwords: true });
  });
  after(() => realm?.stop());

  /** Runs a program of the manual in this realm; `more` is put after it. */
  async function run(program: string, more = ''): Promise<string> {
    const source = `${program}${more}`
      .replaceAll('www.example.com', 'localhost')
      .replaceAll('/etc/http.keytab', realm.keytab(SERVICE));
    let printed = '';
    await withTemporaryFolder(async (folder) => {
      await mkdir(join(folder, 'node_modules'));
      await symlink(PACKAGE, join(folder, 'node_modules', 'kpass'));
      const { private: key, cert } = await generate([{ name: 'commonName', value: 'localhost' }]);
      await writeFile(join(folder, 'key.pem'), key);
      await writeFile(join(folder, 'certificate.pem'), cert);
      await writeFile(join(folder, 'program.mjs'), source);
      const env = { ...process.env, ...realm.env, NODE_OPTIONS: '' };
      const options = { cwd: folder, env, timeout: 20_000 };
      printed = (await execute(process.execPath, ['program.mjs'], options)).stdout;
    });
    return printed;
  }

  const programs = (page: string, section: string, language = 'js') =>
    programsIn(sectionOf(read(page), section), language);

  /** Runs the server's program. The program then requests its own page, and ends. */
  async function runServer(program = '', tls = ''): Promise<string> {
    const asking = `, function () {
      const options = { port: this.address().port, auth: 'alice:wonderland', rejectUnauthorized: false };
      get(options, (answer) => answer.on('data', (text) => process.stdout.write(text)).on('end', process.exit));
    });`;
    match(program, /listen\(8443\);\n$/);
    const served = program.replace(/listen\(8443\);\n$/, `listen(0${asking}`);
    return run(`import { get } from 'node:https';\n${tls}${served}`);
  }

  it('welcome a user, in the README', async () => {
    const [program = ''] = programs('README.md', 'kpass');
    equal(await run(program), 'welcome\n');
  });

  it('name the user, in the README', async () => {
    const [program = ''] = programs('README.md', '`Verifier`');
    equal(await run(program), 'hello alice@EXAMPLE.COM\n');
  });

  it('serve a page, in the README', async () => {
    const [program = ''] = programs('README.md', 'HTTP');
    const tls = `import { readFileSync } from 'node:fs';
      const tls = { key: readFileSync('key.pem'), cert: readFileSync('certificate.pem') };\n`;
    equal(await runServer(program, tls), 'Hello, alice@EXAMPLE.COM\n');
  });

  it('serve a page, in docs/http.md', async () => {
    const [program = ''] = programs('docs/http.md', 'HTTP');
    equal(await runServer(program), 'Hello, alice@EXAMPLE.COM\n');
  });

  it('name the user of a token, in docs/negotiate.md', async () => {
    const [typed = ''] = programs('docs/negotiate.md', 'Negotiate: log in by ticket', 'ts');
    const { code: accepting } = await transform(typed, { loader: 'ts' });
    const token = await realm.token('alice', SERVICE, { mutual: true });
    const authorization = `Negotiate ${Buffer.from(token).toString('base64')}`;
    const asking = `
      const headers = (authorization) => ({ headers: { authorization } });
      const response = { setHeader: (name, value) => console.log(name, value.slice(0, 13)) };
      console.log(await userOf(headers(undefined), response));
      console.log(await userOf(headers('Negotiate TlRMTVNTUAAB'), response));
      console.log(await userOf(headers('${authorization}'), response));
      console.log(await userOf(headers('${authorization}'), response));
      acceptor.close();`;
    const answered = 'WWW-Authenticate Negotiate oYG';
    const user = 'alice@EXAMPLE.COM';
    equal(await run(accepting, asking), `null\nnull\n${answered}\n${user}\nnull\n`);
  });

  it('make the channel of a certificate, in docs/negotiate.md', async () => {
    const [channel = ''] = programs('docs/negotiate.md', 'The channel');
    const telling = 'console.log(bindings.length, bindings.subarray(0, 21).toString());';
    const printed = await run(channel, telling);
    equal(printed, '53 tls-server-end-point:\n');
  });

  it('change a password, in docs/passwords.md', async () => {
    const [program = ''] = programs('docs/passwords.md', 'Changing a password');
    const printed = await run(program.replace("'alice'", "'carol'"));
    match(printed, /^changed for carol@EXAMPLE\.COM$/m);
  });

  it('tell of each verification, in docs/kdcs-and-deadlines.md', async () => {
    const [watching = ''] = programs('docs/kdcs-and-deadlines.md', 'Watching it');
    const [login = ''] = programs('README.md', 'kpass');
    const printed = await run(`${watching}${login}`);
    match(printed, /^verified \d+ ms alice@EXAMPLE\.COM krb5_verify_init_creds$/m);
  });
});
