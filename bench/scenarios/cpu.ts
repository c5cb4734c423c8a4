// CPU time of one verification, including all threads of the process. Each program runs through all
// rounds. A round must be short compared with changes of the machine's speed. It must be long compared
// with the one-off work of a program that has slept, such as filling the caches again.

import type { Scenario } from '../bench';
import { ratio, type Subject } from '../figures';
import { figuresOf, interleave, Loop } from '../loops';

export const cpu: Scenario = async function* ({ realm, subjects, quick }) {
  const calls = quick ? 24 : 160;
  for (const concurrency of [1, 8]) {
    const loops = new Map<Subject, Loop>();
    const started = async (subject: Subject) => {
      const loop = await Loop.start(realm, subject, realm.config);
      loops.set(subject, loop);
      // A warm-up: a real service has run for a while.
      await loop.round({ concurrency, calls: quick ? calls : 500 });
      return loop;
    };
    const results = await interleave(subjects, quick ? 7 : 25, async (subject) => {
      const loop = loops.get(subject) ?? (await started(subject));
      const round = await loop.round({ concurrency, calls });
      return round.cpu / calls;
    });
    for (const loop of loops.values()) await loop.stop();

    const what = `CPU of a verification, ${concurrency} at once`;
    const figures = figuresOf(results, (its) => its);
    yield { id: `cpu-${concurrency}`, what, unit: 'ms', figures };
    yield {
      id: `cpu-${concurrency}-ratio`,
      what: `${what}: kpass over the C loop`,
      unit: '×',
      value: ratio(figures.kpass, figures['C loop']),
      most: 1.05,
    };
    yield {
      id: `cpu-${concurrency}-armor`,
      what: `${what}: under armor over without it`,
      unit: '×',
      value: ratio(figures.kpass, figures['kpass unarmored']),
      most: 1.05,
    };
  }
};
