// kpass doctor, if the KDCs' names, the KDCs themselves or their clock are broken.

import { deepEqual, equal, match } from 'node:assert/strict';
import { Realm } from 'kpass/testing';
import { asCResolver, nameServer } from '../../support/dns';
import { assertFound, DoctorFixture, diagnose } from '../../support/doctor-fixture';
import type { Mode } from '../../support/fault-proxy';
import { SERVICE } from '../../support/subject';

describe('kpass doctor', () => {
  const fixture = new DoctorFixture();

  describe('the KDCs’ names', () => {
    it('are broken if krb5.conf names none, and libkrb5 may not ask DNS', async () => {
      const config = await fixture.realm.writeConfig({ kdcs: [] });
      assertFound(await diagnose(fixture.given(undefined, config)), {
        link: 'KDC names',
        detail: /no KDC of EXAMPLE\.COM, and dns_lookup_kdc is off/,
        remedy: /kdc = /,
        notTried: ['KDCs', 'clock', 'key'],
      });
    });

    it('come from DNS if krb5.conf has none', async () => {
      await using dns = await nameServer([{ port: fixture.realm.port }]);
      const config = await fixture.realm.writeConfig({
        kdcs: [],
        more: '[libdefaults]\n  dns_lookup_kdc = true\n',
      });
      const env = await asCResolver(dns.port, fixture.realm.folder);
      const { links } = await diagnose(fixture.given(undefined, config), { env });
      const [names, kdcs] = [links[3], links[4]];
      match(names?.detail ?? '', new RegExp(`^localhost:${fixture.realm.port}, from DNS`));
      deepEqual([names?.status, kdcs?.status], ['ok', 'ok']);
    });
  });

  describe('the KDCs', () => {
    const NOT_ANSWERING = { link: 'KDCs', notTried: ['clock', 'key'] } as const;
    const through = async (mode: Mode) => {
      await fixture.proxy.use(mode);
      return fixture.given(undefined, fixture.proxy.config);
    };

    it('are broken if they have stopped', async () => {
      await fixture.realm.stopKdc();
      try {
        assertFound(await diagnose(fixture.given()), {
          ...NOT_ANSWERING,
          detail: /UDP refused: .*, TCP refused: /,
          remedy: /systemctl status krb5-kdc[\s\S]*nc -vz 127\.0\.0\.1 \d+/,
        });
      } finally {
        await fixture.realm.startKdc();
      }
    });

    const faults: Record<string, [mode: Mode, detail: RegExp]> = {
      'they are silent': ['silent', /UDP no answer in 3000 ms, TCP no answer in 3000 ms/],
      'something else answers': ['garbage', /UDP answers, but not in Kerberos/],
      'they serve another realm': [{ error: 68 }, /it is not a KDC of EXAMPLE\.COM/],
    };
    for (const [what, [mode, detail]] of Object.entries(faults)) {
      it(`are broken if ${what}`, async () => {
        assertFound(await diagnose(await through(mode)), { ...NOT_ANSWERING, detail });
      });
    }

    it('are broken if the name has no address', async () => {
      const config = await fixture.realm.writeConfig({ kdcs: ['kdc.invalid'] });
      assertFound(await diagnose(fixture.given(undefined, config)), {
        ...NOT_ANSWERING,
        detail: /^kdc\.invalid: the name has no address/,
        remedy: /getent hosts kdc\.invalid/,
      });
    });

    it('are a warning if they answer over TCP only', async () => {
      const args = await through(({ transport }) => (transport === 'udp' ? 'silent' : 'pass'));
      assertFound(await diagnose(args), {
        link: 'KDCs',
        status: 'warning',
        detail: /UDP no answer in \d+ ms, TCP \d+\.\d ms; some logins try UDP first/,
        remedy: /udp_preference_limit = 1/,
      });
    });

    it('are a warning if they answer over UDP only', async () => {
      const args = await through(({ transport }) => (transport === 'tcp' ? 'reset' : 'pass'));
      assertFound(await diagnose(args), {
        link: 'KDCs',
        status: 'warning',
        detail: /UDP \d+\.\d ms, TCP .*; a reply that is too large/,
        remedy: /Allow TCP to port/,
      });
    });

    it('are a warning if one of two is dead', async () => {
      const config = await fixture.realm.writeConfig({
        kdcs: ['127.0.0.1:1', `localhost:${fixture.realm.port}`],
      });
      const { code, links } = await diagnose(fixture.given(undefined, config));
      equal(code, 0);
      deepEqual(
        links.filter(({ name }) => name === 'KDCs').map(({ status }) => status),
        ['warning', 'ok'],
      );
      match(links[4]?.detail ?? '', /^127\.0\.0\.1:1: UDP refused.*another KDC answers/);
    });
  });

  describe('the clock', () => {
    const clocks: [clock: string, status: 'broken' | 'warning', detail: RegExp][] = [
      ['+10m', 'broken', /^(599|600|601) s behind the KDC's .* 300 s are allowed/],
      ['-10m', 'broken', /^(599|600|601) s ahead of the KDC's/],
      ['+2m', 'warning', /^(119|120|121) s behind/],
    ];
    for (const [clock, status, detail] of clocks) {
      it(`is ${status === 'broken' ? status : `a ${status}`} if the KDC’s is at ${clock}`, async () => {
        await using skewed = await Realm.start({ clock });
        const args = ['-k', skewed.keytab(SERVICE), '-c', skewed.config];
        const notTried = status === 'broken' ? (['key'] as const) : [];
        const remedy = /timedatectl set-ntp true/;
        assertFound(await diagnose(args), { link: 'clock', status, detail, remedy, notTried });
      });
    }

    it('may differ as much as krb5.conf allows', async () => {
      await using skewed = await Realm.start({ clock: '+10m' });
      const config = await skewed.writeConfig({ more: '[libdefaults]\n  clockskew = 900\n' });
      const { links } = await diagnose(['-k', skewed.keytab(SERVICE), '-c', config]);
      equal(links[5]?.status, 'warning');
    });
  });
});
