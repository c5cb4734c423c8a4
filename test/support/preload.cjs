// Sets LD_PRELOAD to KPASS_PRELOAD for every Node that a Node starts, and for no other program. A KDC
// under a sanitizer would be slow, and fail because of its own leaks. scripts/sanitize loads this file
// with NODE_OPTIONS.

const { ChildProcess } = require('node:child_process');
const childProcess = require('node:child_process');
const { basename } = require('node:path');

const { KPASS_PRELOAD, LD_PRELOAD = '' } = process.env;
// What a test preloads as well is for this program's children too: doctor asks a child of its own.
const others = LD_PRELOAD.replace(KPASS_PRELOAD, '').trim();
if (others === '') delete process.env.LD_PRELOAD;
else process.env.LD_PRELOAD = others;
// Only the tests' own process is checked for leaks. Many of its children end by process.exit() or an
// exception, and then Node leaves tens of kilobytes behind.
process.env.ASAN_OPTIONS = `${process.env.ASAN_OPTIONS ?? ''}:detect_leaks=0`;

const isNode = (file) => file === process.execPath || basename(file) === 'node';

const { spawn } = ChildProcess.prototype;
ChildProcess.prototype.spawn = function (options) {
  if (isNode(options.file)) {
    // A test may preload something as well; the sanitizer's libraries must come first.
    const { envPairs } = options;
    const at = envPairs.findIndex((pair) => pair.startsWith('LD_PRELOAD='));
    const theirs = at === -1 ? '' : envPairs.splice(at, 1)[0].slice('LD_PRELOAD='.length);
    envPairs.push(`LD_PRELOAD=${KPASS_PRELOAD} ${theirs}`);
  }
  return spawn.call(this, options);
};

for (const name of ['spawnSync', 'execFileSync']) {
  const original = childProcess[name];
  childProcess[name] = (file, ...rest) => {
    if (!isNode(file)) return original(file, ...rest);
    const args = Array.isArray(rest[0]) ? rest.shift() : [];
    const [options = {}] = rest;
    const env = { ...(options.env ?? process.env), LD_PRELOAD: KPASS_PRELOAD };
    return original(file, args, { ...options, env });
  };
}
