// Each denial of kpass/http is told on the channel 'kpass:verify', with the step that decided it: also
// what no KDC has seen.

import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { VerifyEvent } from 'kpass';
import { HttpFixture } from '../support/http-fixture';

describe('kpass/http', () => {
  const fixture = new HttpFixture();
  const events: VerifyEvent[] = [];
  const listen = (event: unknown) => events.push(event as VerifyEvent);
  beforeEach(() => {
    events.length = 0;
    subscribe('kpass:verify', listen);
  });
  afterEach(() => unsubscribe('kpass:verify', listen));
  const told = () => events.splice(0).map(({ outcome, step, reason }) => [outcome, step, reason]);

  it('tells of each denial where it was decided', async () => {
    const auth = fixture.authFor({ throttle: { attempts: 1, window: 60_000 } });
    await auth.verify('a@b@c', 'wonderland');
    assert.deepEqual(told(), [['denied', 'input', 'credentials']]);
    await auth.verify(undefined, 'wonderland');
    await auth.verify('alice', ['wonderland']);
    assert.deepEqual(told(), [
      ['denied', 'input', 'credentials'],
      ['denied', 'input', 'credentials'],
    ]);
    await auth.verify('alice', 'wrong');
    assert.deepEqual(told(), [['denied', 'krb5_get_init_creds_password', 'credentials']]);
    await auth.verify('alice', 'wrong');
    assert.deepEqual(told(), [['denied', 'cache', 'credentials']]);
    await auth.verify('alice', 'also wrong');
    assert.deepEqual(told(), [['denied', 'throttle', 'credentials']]);
  });

  it('tells of no name that was not verified', async () => {
    await fixture.authFor().verify('a secret@b@c', 'wonderland');
    assert.equal(JSON.stringify(events).includes('secret'), false);
    assert.equal(events.length, 1);
  });
});
