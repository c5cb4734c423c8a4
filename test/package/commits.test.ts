// The rule for commit messages. `npm run check` enforces it (scripts/check-commits.ts).

import assert from 'node:assert/strict';
import { faultOf } from '../../scripts/check-commits';

const BODY = '\n\nThe timer held the process open.\n';

describe('a commit message', () => {
  for (const subject of [
    'net: cut transport.cc into four files',
    'lib/http: answer 503 where the KDC is silent',
    'net, doctor: name the KDC that was asked',
    'test: pass the transport as a parameter',
    'build: embed the version of krb5',
    `net: cut ${'x'.repeat(51)}`,
  ]) {
    it(`may begin "${subject}"`, () => assert.equal(faultOf(subject + BODY), undefined));
  }

  for (const { subject, fault } of [
    { subject: 'Cut transport.cc into four files', fault: /area: imperative/ },
    { subject: 'net cut transport.cc', fault: /area: imperative/ },
    { subject: 'Net: cut transport.cc', fault: /area: imperative/ },
    { subject: 'net: Cut transport.cc', fault: /area: imperative/ },
    { subject: 'net:cut transport.cc', fault: /area: imperative/ },
    { subject: 'net: cut', fault: /area: imperative/ },
    { subject: 'net: cuts transport.cc', fault: /'cuts' is not an imperative/ },
    { subject: 'net: added a file', fault: /'added' is not an imperative/ },
    { subject: 'net: adding a file', fault: /'adding' is not an imperative/ },
    { subject: `net: cut ${'x'.repeat(52)}`, fault: /longer than 60 characters/ },
    { subject: 'net: cut transport.cc.', fault: /full stop/ },
    { subject: '', fault: /area: imperative/ },
  ]) {
    it(`must not begin "${subject}"`, () => assert.match(String(faultOf(subject + BODY)), fault));
  }

  it('must have a body; a trailer does not count as one', () => {
    assert.match(String(faultOf('net: cut a file\n')), /body/);
    assert.match(String(faultOf('net: cut a file\n\nReviewed-by: Alice\n')), /body/);
    assert.equal(faultOf('net: cut a file\n\nIt was long.\n\nReviewed-by: Alice\n'), undefined);
  });

  it('must have a blank line between its subject and its body', () => {
    assert.match(String(faultOf('net: cut a file\nIt was long.\n')), /blank line/);
  });
});
