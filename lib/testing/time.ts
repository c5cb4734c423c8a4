// The clock and the timers of this folder. They are taken when this file is loaded: a test that fakes
// timers or the time does not stop a realm.

import timers from 'node:timers/promises';

export const { setTimeout: sleep } = timers;
export const { now } = Date;
export const timeoutSignal = AbortSignal.timeout.bind(AbortSignal);
