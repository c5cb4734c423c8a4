// scripts/soak-throttle: eight processes, 120 of them killed, four kills of the store, for each limit and
// each share of right passwords.

import { type Storm, weather } from '../test/support/many-processes';

async function soak(): Promise<void> {
  const limits = process.argv.slice(2).map(Number);
  for (const attempts of limits.length > 0 ? limits : [1, 3, 5, 10]) {
    for (const right of [0, 0.02, 0.3]) {
      const storm: Storm = { attempts, right, processes: 8, lanes: 16, kills: 120, storeKills: 4 };
      const { highest, reached, ended, killed } = await weather(storm);
      console.log(
        `attempts ${attempts}, ${right * 100} % right: the KDC counted ${highest} at most; ` +
          `${reached} passwords reached it, ${ended} requests ended, ${killed} processes killed`,
      );
      if (highest > attempts) process.exitCode = 1;
    }
  }
}

soak();
