// Every form of a KDC in krb5.conf, put to kpass doctor: it finds a fault where a login does, and only there.

import assert from 'node:assert/strict';
import { Realm } from 'kpass/testing';
import { type Diagnosis, diagnose } from '../../support/doctor-fixture';
import {
  configOf,
  nameOf,
  REFUSED,
  ROWS,
  type Row,
  type Surroundings,
  surroundings,
  textOf,
} from '../../support/krb5-conf-rows';
import { SERVICE } from '../../support/subject';

const USER = 'alice';
const PASSWORD = 'wonderland';

describe('doctor and a KDC in krb5.conf', () => {
  let realm: Realm;
  let around: Surroundings;
  before(async () => {
    realm = await Realm.start({ users: { [USER]: PASSWORD } });
    around = await surroundings(realm);
  });
  after(async () => {
    await around?.[Symbol.asyncDispose]();
    await realm?.stop();
  });

  async function diagnoseRow(row: Row, more: string[] = [], input = ''): Promise<Diagnosis> {
    const config = await configOf(row, realm);
    const args = ['-k', realm.keytab(SERVICE), '-c', config, ...more];
    return await diagnose(args, { env: around.env, input });
  }

  const broken = ({ links }: Diagnosis) => links.filter(({ status }) => status === 'broken');

  /** libkrb5 refuses a value of the row: the detail must name the value and the realm. */
  function assertNamed(detail: string, row: Row): void {
    const [, mistaken = ''] = / (\w+ = .*) in realm EXAMPLE\.COM/.exec(detail) ?? [];
    const text = textOf(row, realm).replaceAll('"', '');
    assert(mistaken !== '' && text.includes(mistaken.trim()), `${detail}: not of ${text}`);
  }

  for (const row of ROWS) {
    const [, verdict] = row;
    it(`'${nameOf(row)}' ${verdict === true ? 'holds' : `is broken: ${verdict}`}`, async () => {
      const found = await diagnoseRow(row);
      const all = JSON.stringify(found, null, 1);
      assert.deepEqual([found.code, found.ok], verdict === true ? [0, true] : [1, false], all);
      const statuses = (name: string) =>
        found.links.filter((link) => link.name === name).map(({ status }) => status);
      assert.deepEqual(statuses('krb5.conf'), ['ok'], all);
      if (verdict === true) {
        for (const name of ['KDC names', 'KDCs', 'key']) assert(statuses(name).includes('ok'), all);
        return;
      }
      assert.equal(broken(found).length, 1, all);
      const [{ name, detail, remedy } = assert.fail()] = broken(found);
      assert(remedy.length > 0, all);
      if (verdict !== 'ERR_KPASS_CONFIG') return;
      assert.equal(name, 'KDC names');
      assertNamed(detail, row);
    });
  }

  describe('with a wrong password', () => {
    for (const row of REFUSED) {
      const [, verdict] = row;
      it(`'${nameOf(row)}' is broken at the user: ${verdict}`, async () => {
        const found = await diagnoseRow(row, [USER, '--password-stdin'], 'looking-glass');
        const [{ name, detail } = assert.fail(), ...more] = broken(found);
        assert.deepEqual([name, more], ['user', []], JSON.stringify(found, null, 1));
        if (verdict === false) return assert.match(detail, /^alice: wrong user name or password$/);
        assertNamed(detail, row);
        // A right password works, so it is a warning before.
        const warnings = found.links.filter((link) => link.status === 'warning');
        assert.deepEqual(
          warnings.map((link) => link.name),
          ['KDC names'],
        );
        assertNamed(warnings[0]?.detail ?? '', row);
      });
    }
  });

  it('says what is wrong with a KDC that no message can reach', async () => {
    const detailOf = async (line: string) => broken(await diagnoseRow([line, false]))[0]?.detail;
    assert.equal(await detailOf('kdc = []'), '"[]" names no host');
    assert.equal(
      await detailOf('kdc = 127.0.0.1:0'),
      '"127.0.0.1:0" names the port 0, where nothing can listen',
    );
  });
});
