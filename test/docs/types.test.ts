// Every program and every part of a program in the manual compiles, as TypeScript in its strictest mode.
// So whoever copies it needs no cast. The recipes are parts of examples/, which `npm run check` compiles.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { withTemporaryFolder } from '../support/ends';
import { programsIn } from '../support/markdown';
import { recipes } from '../support/recipes';

const execute = promisify(execFile);
const PACKAGE = dirname(require.resolve('kpass/package.json'));

/** What parts of programs take from their surroundings. */
const SURROUNDINGS = `
import type { IncomingMessage as NodeRequest } from 'node:http';
import type * as channels from 'node:diagnostics_channel';
import type { KpassError as Failures, Verifier as Verifiers } from 'kpass';
import type { BasicAuth, basicAuth as makeAuth, RequestError as Errors } from 'kpass/http';

declare global {
  const tls: { key: Buffer; cert: Buffer };
  const auth: BasicAuth;
  const basicAuth: (options: Partial<Parameters<typeof makeAuth>[0]>) => BasicAuth;
  const RequestError: typeof Errors;
  type IncomingMessage = NodeRequest;
  const request: NodeRequest & { body: Record<string, unknown> };
  const reply: (status: number, headers: object, body?: string) => void;
  const session: { user?: string };
  const redirect: (path: string) => void;
  const verifier: Verifiers;
  const name: string;
  const password: string;
  const newPassword: string;
  const KpassError: typeof Failures;
  const subscribe: typeof channels.subscribe;
}
`;

const CONFIG = {
  compilerOptions: {
    target: 'es2023',
    lib: ['es2023', 'esnext.disposable'],
    module: 'nodenext',
    types: ['node'],
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck: false,
    noEmit: true,
    preserveSymlinks: true,
  },
  include: ['*.mts', '*.d.ts'],
};

/** Its own types need other packages. */
const IOREDIS = `
declare module 'ioredis' {
  export class Redis {
    constructor(url: string);
    call(command: string, ...args: string[]): Promise<unknown>;
  }
}
`;

interface Part {
  page: string;
  code: string;
}

function parts(): Part[] {
  const pages = ['README.md', ...readdirSync(join(PACKAGE, 'docs')).map((name) => `docs/${name}`)];
  const ofExamples = new Set(recipes().map(({ code }) => code));
  return pages
    .filter((page) => page.endsWith('.md'))
    .flatMap((page) => {
      const text = readFileSync(join(PACKAGE, page), 'utf8');
      return ['js', 'ts'].flatMap((language) =>
        programsIn(text, language).map((code) => ({ page, code })),
      );
    })
    .filter(({ code }) => !ofExamples.has(code));
}

/** A part with `return` is of a function. */
function moduleOf(code: string): string {
  const isOfFunction = /^ +return /m.test(code) && !/^import /m.test(code);
  return isOfFunction ? `export async function part() {\n${code}}\n` : `${code}\nexport {};\n`;
}

/** Compiles files of a project that has kpass as a dependency; gives the errors. */
async function compile(files: Record<string, string>): Promise<string> {
  let errors = '';
  await withTemporaryFolder(async (folder) => {
    await mkdir(join(folder, 'node_modules'));
    await symlink(PACKAGE, join(folder, 'node_modules', 'kpass'));
    for (const name of ['@types', 'undici-types']) {
      await symlink(join(PACKAGE, 'node_modules', name), join(folder, 'node_modules', name));
    }
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(CONFIG));
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
    const tsc = join(PACKAGE, 'node_modules', '.bin', 'tsc');
    errors = await execute(tsc, ['-p', folder]).then(
      () => '',
      ({ stdout }: { stdout: string }) => stdout.replaceAll(folder, ''),
    );
  });
  return errors;
}

describe('the code in the manual', function () {
  this.timeout(60_000);

  it('compiles in the strictest mode of TypeScript', async () => {
    const all = parts();
    assert(all.length > 12, `${all.length} parts`);
    const files = all.map(({ page, code }, i) => [
      `${page.replaceAll(/\W/g, '-')}-${i}.mts`,
      moduleOf(code),
    ]);
    const errors = await compile({
      'surroundings.mts': SURROUNDINGS,
      'ioredis.d.ts': IOREDIS,
      ...Object.fromEntries(files),
    });
    assert.equal(errors, '');
  });

  it("gives the channels' messages their types", async () => {
    const errors = await compile({
      'channels.mts': `
        import { subscribe, unsubscribe } from 'node:diagnostics_channel';
        import type { AcceptEvent, PasswordEvent, VerifyEvent } from 'kpass';
        import type { ErrorMessage } from 'kpass/http';
        const one = (event: VerifyEvent) => console.log(event.outcome, event.duration.toFixed());
        subscribe('kpass:verify', one);
        unsubscribe('kpass:verify', one);
        const two = (event: AcceptEvent) => console.log(event.outcome);
        subscribe('kpass:accept', two);
        unsubscribe('kpass:accept', two);
        const changed = (event: PasswordEvent) => console.log(event.outcome);
        subscribe('kpass:password', changed);
        unsubscribe('kpass:password', changed);
        const three = ({ error }: ErrorMessage) => console.log(error);
        subscribe('kpass:error', three);
        unsubscribe('kpass:error', three);
        subscribe('another', (message) => console.log(message));
        // @ts-expect-error
        subscribe('kpass:verify', ({ nothing }) => console.log(nothing));
        // @ts-expect-error
        subscribe('kpass:error', one);
        // @ts-expect-error
        subscribe('another', ({ message }) => console.log(message));
      `,
    });
    assert.equal(errors, '');
  });
});
