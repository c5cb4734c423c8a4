// One of the processes of many-processes.ts: guesses passwords of one account through the throttle, with
// a KDC that its parent plays. It ends when its parent ends, or kills it.

const { setTimeout: sleep } = require('node:timers/promises');
const { Redis } = require('ioredis');
const { markCounted } = require('../../dist/counted.js');
const { Throttle } = require('../../dist/http/throttle.js');
const { sendThrough } = require('../../dist/redis/client.js');
const { RedisStore } = require('../../dist/redis/index.js');
const { SCRIPT, scriptOf } = require('../../dist/redis/script.js');

const { port, attempts, window, lease, grantWithin, answerWithin, lanes, right, breakage } =
  JSON.parse(process.argv[2]);

/** The script, with one part replaced. */
function script() {
  if (breakage === undefined) return SCRIPT;
  const [part, replacement] = breakage;
  if (!SCRIPT.source.includes(part)) throw new Error(`the script has no ${part}`);
  return scriptOf(SCRIPT.source.replace(part, replacement));
}

const client = new Redis({ port, retryStrategy: () => 20 }).on('error', () => {});
const store = new RedisStore(sendThrough(client), 'kpass:', 0, script());

// A lease that is as long as a grant and its answer may take. Real ones are seconds.
const hasty = {
  async reserve(account, attempt, terms) {
    const begun = performance.now();
    const answer = await store.reserve(account, attempt, { ...terms, lease });
    if (answer !== 'granted' || performance.now() - begun < grantWithin) return answer;
    await store.settle(account, attempt, 'none', terms);
    throw new Error('too late');
  },
  settle: (...args) => store.settle(...args),
  forget: (...args) => store.forget(...args),
};

const throttle = new Throttle(
  { attempts, window, store: hasty, secret: 'one secret of all processes, 32 bytes' },
  5_000,
);

let calls = 0;
const answers = new Map();
process.on('message', ({ begin, id, verdict }) => {
  answers.get(id)?.(verdict);
  for (let n = 0; begin && n < lanes; n++) guess();
});
process.on('disconnect', () => process.exit());

/** The KDC's verdict. Rejects as a verification does whose proof left, if none comes in time. */
function ask(password) {
  return new Promise((resolve, reject) => {
    const id = ++calls;
    const timer = setTimeout(() => {
      answers.delete(id);
      reject(markCounted(new Error('no answer')));
    }, answerWithin);
    answers.set(id, (verdict) => {
      clearTimeout(timer);
      answers.delete(id);
      resolve(verdict);
    });
    process.send({ id, password, at: Date.now() });
  });
}

async function guess() {
  for (;;) {
    const n = Math.floor(Math.random() * 1_000);
    const password = Math.random() < right ? 'right' : `wrong ${n}`;
    try {
      await throttle.verify('alice', password, () => ask(password));
    } catch {
      await sleep(10);
    }
    process.send({ ended: true });
    await sleep(Math.random() * 5);
  }
}
