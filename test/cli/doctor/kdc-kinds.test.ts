// kpass doctor tells the kind of KDC by its errors, and names the commands of that system. MIT's KDC
// stands for Active Directory's and FreeIPA's: a proxy makes its errors like theirs.

import { doesNotMatch, match } from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { element, field, inside } from '../../../lib/cli/doctor/der';
import type { RunOptions } from '../../support/command';
import { DoctorFixture, diagnose } from '../../support/doctor-fixture';
import type { Mode } from '../../support/fault-proxy';

const KRB_ERROR = 0x7e;
const FIELDS = Array.from({ length: 14 }, (_, n) => n);

/** Leaves fields out of every KRB-ERROR. */
const without =
  (...left: number[]): Mode =>
  () => ({
    reply: (reply) => {
      if (reply[0] !== KRB_ERROR) return reply;
      const fields = FIELDS.filter((n) => !left.includes(n)).flatMap((n) => {
        const value = field(inside(reply), n);
        return value === undefined ? [] : [element(0xa0 | n, value)];
      });
      return element(KRB_ERROR, element(0x30, ...fields));
    },
  });

const [CREALM, CNAME, E_TEXT] = [7, 8, 11];

describe('kpass doctor', () => {
  const fixture = new DoctorFixture();

  async function remedyFor(mode: Mode, options: RunOptions = {}): Promise<string> {
    await fixture.proxy.use(mode);
    const { links } = await diagnose(
      fixture.given('/nonexistent/keytab', fixture.proxy.config),
      options,
    );
    return links.find(({ name }) => name === 'keytab')?.remedy.join('\n') ?? '';
  }

  it('names kadmin’s commands at MIT’s KDC, and no other system', async () => {
    const remedy = await remedyFor('pass');
    match(remedy, /^kadmin -q 'ktadd -k \/nonexistent\/keytab HTTP\/localhost@EXAMPLE\.COM'$/m);
    doesNotMatch(remedy, /FreeIPA|Samba/);
  });

  it('names ktpass at Active Directory’s KDC', async () => {
    const remedy = await remedyFor(without(CREALM, CNAME, E_TEXT));
    match(remedy, /^ktpass \/princ HTTP\/localhost@EXAMPLE\.COM \/mapuser svc-www /m);
    doesNotMatch(remedy, /kadmin/);
  });

  it('names Heimdal’s kadmin at a KDC whose errors have no text', async () => {
    const remedy = await remedyFor(without(E_TEXT));
    match(remedy, /^kadmin ext_keytab --keytab=\/nonexistent\/keytab HTTP\/localhost$/m);
  });

  it('names ipa’s commands at MIT’s KDC, if this machine belongs to a FreeIPA of the realm', async () => {
    const hook = join(fixture.realm.folder, 'ipa.cjs');
    await writeFile(
      hook,
      `const fs = require('node:fs');
       const { readFileSync } = fs;
       fs.readFileSync = (path, ...rest) =>
         path === '/etc/ipa/default.conf'
           ? '[global]\\nbasedn = dc=example,dc=com\\nrealm = EXAMPLE.COM\\n'
           : readFileSync(path, ...rest);`,
    );
    const remedy = await remedyFor('pass', { node: ['--require', hook] });
    match(remedy, /^ipa-getkeytab -p HTTP\/localhost -k \/nonexistent\/keytab$/m);
    doesNotMatch(remedy, /kadmin/);
  });

  it('names MIT’s commands and the documentation if no KDC answers', async () => {
    const remedy = await remedyFor('reset');
    match(remedy, /^kadmin -q 'ktadd /m);
    match(remedy, /FreeIPA, Active Directory or Samba: docs\/keytabs\.md/);
  });
});
