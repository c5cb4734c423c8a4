// Prints the table of `npm run bench`. Exits at once then: calls may still be waiting.

import { measureCpu } from './cpu';
import { measureHttp } from './http';
import { measureMemory } from './memory';

main();

async function main(): Promise<void> {
  const table = { ...(await measureMemory()), ...(await measureCpu()), ...(await measureHttp()) };
  console.table(table);
  process.exit();
}
