// Plays the rounds in a measured Node.js program. bench/rounds.h describes its input and output.

import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Round {
  /** ms of CPU time, of all threads of the program. */
  cpu: number;
  failed: number;
  /** Start and end of each successful call, in ms from the round's start. */
  calls: [start: number, end: number][];
}

/** `cpuTime` is in ms since any fixed moment. */
export async function playRounds(
  verify: () => Promise<void>,
  cpuTime: () => number,
): Promise<void> {
  for await (const line of createInterface(process.stdin)) {
    const [concurrency = 0, calls = 0, milliseconds = 0] = line.split(' ').map(Number);
    const before = cpuTime();
    const round: Round = { cpu: 0, failed: 0, calls: [] };
    const ended = play(verify, concurrency, calls, round);
    await (milliseconds === 0 ? ended : Promise.race([ended, sleep(milliseconds)]));
    console.log(JSON.stringify({ ...round, cpu: cpuTime() - before }));
  }
}

async function play(
  verify: () => Promise<void>,
  concurrency: number,
  calls: number,
  round: Round,
): Promise<void> {
  const zero = performance.now();
  let left = calls;
  const caller = async () => {
    while (left-- > 0) {
      const start = performance.now() - zero;
      try {
        await verify();
        round.calls.push([start, performance.now() - zero]);
      } catch (error) {
        console.error(error);
        round.failed++;
      }
    }
  };
  await Promise.all(Array.from({ length: concurrency }, caller));
}
