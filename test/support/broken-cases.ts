// Set-ups in which one thing is broken, at MIT's, Heimdal's and Samba's KDC, and what doctor is to say of
// each.

import { doesNotMatch, equal, match } from 'node:assert/strict';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Realm } from 'kpass/testing';
import {
  type Administrator,
  administratorOf,
  heimdalAdministrator,
  sambaAdministrator,
} from './administrator';
import { type RunOptions, runCommand } from './command';
import type { Link } from './doctor-fixture';
import { HeimdalRealm } from './heimdal';
import { SambaDomain } from './samba';
import { SERVICE } from './subject';

/** How doctor is run, and by whom its remedy. */
export interface Run {
  args: string[];
  options?: RunOptions;
  administrator?: Administrator;
}

export interface Case {
  make: () => Promise<Run>;
  /** The first broken link. */
  link: Link['name'];
  detail: RegExp;
  remedy?: RegExp;
  /** What would send a person the wrong way. */
  not?: RegExp;
  /** The remedy's commands mend it. */
  mends?: true;
}

/** The lines of a remedy that are commands of an administrator. */
const COMMANDS = /^(\(umask|kadmin|samba-tool|chmod|mv|rm|sed -i) /;

/** The KDCs and their administrators, for the tests of one describe(). */
export class BrokenSetUps {
  realm!: Realm;
  heimdal!: HeimdalRealm;
  samba!: SambaDomain;
  /** A copy of the realm's, by whose name doctor does not recognize a private realm. */
  #config!: string;
  #administrators!: [mit: Administrator, heimdal: Administrator, samba: Administrator];
  #files = 0;

  constructor() {
    before(async () => {
      const users = { alice: 'wonderland', bob: 'builder' };
      const upn = { password: 'wonderland', upn: 'upn@corp.example' };
      [this.realm, this.heimdal, this.samba] = await Promise.all([
        Realm.start({ users }),
        HeimdalRealm.start({ users }),
        SambaDomain.start({ users: { ...users, upn }, upnSuffixes: ['corp.example'] }),
      ]);
      this.#config = await this.realm.writeConfig();
      this.#administrators = await Promise.all([
        administratorOf(this.realm),
        heimdalAdministrator(this.heimdal),
        sambaAdministrator(this.samba),
      ]);
    });
    after(() => Promise.all([this.realm?.stop(), this.heimdal?.stop(), this.samba?.stop()]));
  }

  /** The options for MIT's realm, perhaps with another krb5.conf or keytab. */
  given(config = this.#config, keytab = this.realm.keytab(SERVICE)): string[] {
    return ['-k', keytab, '-c', config];
  }

  async file(content: string | Uint8Array, mode = 0o600): Promise<string> {
    this.#files += 1;
    const path = join(this.realm.folder, `case-${this.#files}`);
    await writeFile(path, content, { mode });
    return path;
  }

  /** The realm's krb5.conf, changed. */
  async config(change: (text: string) => string): Promise<Run> {
    const text = change(await readFile(this.#config, 'utf8'));
    return { ...this.mit(), args: this.given(await this.file(text, 0o644)) };
  }

  /** The realm's krb5.conf with another KDC. */
  async kdc(value: string): Promise<Run> {
    return { args: this.given(await this.realm.writeConfig({ kdcs: [value] })) };
  }

  /** A service of its own, with a keytab that is made of the service's; null: without a keytab. */
  async keytab(make: ((bytes: Buffer) => string | Uint8Array) | null): Promise<Run> {
    const name = `service${this.#files}`;
    await this.realm.addService(`${name}/localhost`);
    const bytes = await readFile(this.realm.keytab(`${name}/localhost`));
    const path = await this.file(make === null ? '' : make(bytes));
    if (make === null) await rm(path);
    return this.mit(name, path);
  }

  mit(service = 'HTTP', keytab = this.realm.keytab(SERVICE)): Run {
    const [administrator] = this.#administrators;
    return { args: ['-s', service, ...this.given(this.#config, keytab)], administrator };
  }

  atHeimdal(service = 'HTTP', keytab = this.heimdal.keytab(SERVICE)): Run {
    const [, administrator] = this.#administrators;
    return { args: ['-s', service, ...this.given(this.heimdal.config, keytab)], administrator };
  }

  atSamba(service = 'HTTP', keytab = this.samba.keytab(SERVICE)): Run {
    const [, , administrator] = this.#administrators;
    return { args: ['-s', service, ...this.given(this.samba.config, keytab)], administrator };
  }
}

/** The same run, with a user's login. */
export function withUser(name: string, run: Run, password = 'wonderland'): Run {
  return { ...run, args: [...run.args, '--password-stdin', name], options: { input: password } };
}

/** Makes a test of each case. */
export function testCases(cases: Record<string, Case>): void {
  for (const [what, { make, link, detail, remedy = /./, not, mends }] of Object.entries(cases)) {
    it(what, async () => {
      const { args, options = {}, administrator } = await make();
      const doctor = async () => {
        const words = ['doctor', '--json', '-H', 'localhost', ...args];
        const { code, stdout } = await runCommand(words, options);
        const { links } = JSON.parse(stdout) as { links: Link[] };
        return { code, broken: links.find(({ status }) => status === 'broken'), stdout };
      };
      const found = await doctor();
      equal(found.code, 1, found.stdout);
      equal(found.broken?.name, link, found.stdout);
      match(found.broken?.detail ?? '', detail);
      const lines = found.broken?.remedy ?? [];
      match(lines.join('\n'), remedy);
      if (not !== undefined) doesNotMatch(JSON.stringify(found.broken), not);
      if (mends === undefined) return;
      const output = await administrator?.run(lines.filter((line) => COMMANDS.test(line)));
      const mended = await doctor();
      equal(mended.code, 0, `${lines.join('\n')}\n${output}\n${mended.stdout}`);
    });
  }
}
