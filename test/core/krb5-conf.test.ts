// Every form of a KDC in krb5.conf: kpass's own transport, libkrb5's transport and kinit must come to
// the same verdict.

import assert from 'node:assert/strict';
import { Realm } from 'kpass/testing';
import { runProgram } from '../support/child';
import { client } from '../support/kinit';
import {
  configOf,
  nameOf,
  REFUSED,
  ROWS,
  type Row,
  type Surroundings,
  surroundings,
  textOf,
  type Verdict,
} from '../support/krb5-conf-rows';

const USER = 'alice';
const PASSWORD = 'wonderland';

interface Outcome {
  verdict: Verdict | string;
  message?: string;
}

// Asks both transports, in this order.
const SOURCE = `
  const ask = (transport, password) => new Verifier({ ...options, transport })
    .verify('${USER}', password).then(
      ({ verified }) => ({ verdict: verified }),
      ({ code, message }) => ({ verdict: code, message }));
  (async () => {
    const outcomes = [];
    for (const transport of ['kpass', 'libkrb5']) outcomes.push(await ask(transport, process.env.PASSWORD));
    console.log(JSON.stringify(outcomes));
  })();`;

describe('a KDC in krb5.conf', () => {
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

  /** Checks a row: all three clients must come to the row's verdict. */
  async function check(row: Row, password: string): Promise<void> {
    const [, verdict] = row;
    const { env } = around;
    const config = await configOf(row, realm);
    const [ended, { code }] = await Promise.all([
      runProgram(realm, SOURCE, config, { ...env, PASSWORD: password }),
      client(config, ['kinit', '--', USER], `${password}\n`, env),
    ]);
    const outcomes: Outcome[] = JSON.parse(ended.stdout);
    assert.deepEqual(
      [...outcomes.map((each) => each.verdict), code === 0],
      [verdict, verdict, verdict === true],
      JSON.stringify(outcomes),
    );
    if (verdict !== 'ERR_KPASS_CONFIG') return;
    for (const { message = '' } of outcomes) {
      assert.match(
        message,
        /(kdc|primary_kdc|master_kdc) = .* in realm EXAMPLE\.COM: Invalid argument/,
      );
      const mistaken = /(\w+ = .*) in realm/.exec(message)?.[1] ?? '';
      const text = textOf(row, realm);
      assert(text.replaceAll('"', '').includes(mistaken.trim()), `${mistaken} is not in ${text}`);
    }
  }

  for (const row of ROWS) {
    it(`'${nameOf(row)}' is ${row[1]}`, () => check(row, PASSWORD));
  }

  for (const row of REFUSED) {
    it(`'${nameOf(row)}' is ${row[1]} for a wrong password`, () => check(row, 'looking-glass'));
  }
});
