// What kpass doctor says about the armor of users' logins.

import { equal, match } from 'node:assert/strict';
import { assertFound, DoctorFixture, diagnose } from '../../support/doctor-fixture';
import { SambaDomain } from '../../support/samba';
import { SERVICE } from '../../support/subject';

describe("kpass doctor, about a realm's armor", () => {
  const fixture = new DoctorFixture();

  it('says which principal gets it, and for how long', async () => {
    const { code, links } = await diagnose(fixture.given());
    equal(code, 0);
    const armor = links.find(({ name }) => name === 'armor');
    equal(armor?.status, 'ok');
    match(armor?.detail ?? '', /^HTTP\/localhost@EXAMPLE\.COM gets armor .*\b2[34]\.\d hours/);
  });

  describe('in an Active Directory domain', () => {
    let domain: SambaDomain;
    before(async function () {
      this.timeout(120_000);
      domain = await SambaDomain.start();
    });
    after(() => domain?.stop());

    it('says that the service itself may not log in, and what to do', async () => {
      const keytab = await domain.writeKeytab(SERVICE, domain.account(SERVICE));
      assertFound(await diagnose(['-k', keytab, '-c', domain.config]), {
        link: 'armor',
        status: 'warning',
        detail: /HTTP\/localhost@EXAMPLE\.COM not log in/,
        remedy: /fastPrincipal/,
        warnings: ['headers'],
      });
    });

    it('finds the one account NAME$ in the keytab', async () => {
      await domain.addService('HTTP/machine');
      await domain.rename(domain.account('HTTP/machine'), 'MACHINE$');
      const keytab = await domain.writeKeytab('HTTP/machine', 'MACHINE$');
      const { links } = await diagnose(['-H', 'machine', '-k', keytab, '-c', domain.config]);
      const armor = links.find(({ name }) => name === 'armor');
      equal(armor?.status, 'ok', armor?.detail);
      match(armor?.detail ?? '', /^MACHINE\$@EXAMPLE\.COM gets armor/);
    });
  });

  it('says that the KDC does not support it, and what to do', async function () {
    this.timeout(120_000);
    await using domain = await SambaDomain.start({ smbConfig: 'kdc enable fast = no' });
    await domain.rename(domain.account(SERVICE), 'WEB$');
    const keytab = await domain.writeKeytab(SERVICE, 'WEB$');
    assertFound(await diagnose(['-k', keytab, '-c', domain.config]), {
      link: 'armor',
      status: 'warning',
      detail: /does not support FAST/,
      remedy: /kdc enable fast/,
      warnings: ['headers'],
    });
  });
});
