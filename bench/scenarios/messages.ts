// Counts the messages to the KDC for one login. It is the second login: kpass fetches its armor, for
// all later logins, during the first.

import { FaultProxy } from '../../test/support/fault-proxy';
import type { Scenario } from '../bench';
import { medianOf } from '../figures';
import { figuresOf, interleave, Loop } from '../loops';

export const messages: Scenario = async function* ({ realm, subjects }) {
  await using proxy = await FaultProxy.start(realm);
  const results = await interleave(subjects, 1, async (subject) => {
    await using loop = await Loop.start(realm, subject, proxy.config);
    await loop.round({});
    proxy.reset();
    await loop.round({});
    return proxy.log.length;
  });
  const what = 'messages to the KDC for a login';
  const figures = figuresOf(results, (its) => its);
  yield { id: 'messages', what, unit: '', figures };
  yield { id: 'messages-most', what, unit: '', value: medianOf(figures, 'kpass'), most: 2 };
};
