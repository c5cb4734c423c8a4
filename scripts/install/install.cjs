// npm runs this script when it installs kpass. If the package has a binary for this system, the
// script does nothing. Otherwise it compiles the addon. If a tool or a library is missing, three
// lines name it and how to install it, in place of the long errors of node-gyp and Python.

const { spawnSync } = require('node:child_process');
const { existsSync } = require('node:fs');
const { join } = require('node:path');

const PACKAGE = join(__dirname, '../..');
const { env, platform, arch } = process;

// On other systems npm can install kpass, but kpass throws an error when it is loaded.
if (['linux', 'darwin'].includes(platform) && (mustCompile() || !hasBinary())) compile();

/** True in a checkout, and with npm's --build-from-source. */
function mustCompile() {
  const asked = env.npm_config_build_from_source;
  return asked === 'true' || asked === 'kpass' || !existsSync(join(PACKAGE, 'dist'));
}

function hasBinary() {
  const { isMusl } = require('../../dist/libc.js');
  env.LIBC = isMusl() ? 'musl' : 'glibc'; // node-gyp-build finds musl only on Alpine.
  let path;
  try {
    path = require('node-gyp-build').path(PACKAGE);
  } catch {
    return false;
  }
  try {
    require(path);
  } catch ({ message }) {
    // Compiling would not help: the missing library is needed at run time. It may be installed later.
    const lacksKerberos = /libkrb5|libk5crypto|libcom_err/.test(message);
    console.error(`kpass: ${message}${lacksKerberos ? '. Install libkrb5-3 or krb5-libs.' : ''}`);
    return lacksKerberos;
  }
  return true;
}

/** Whether libkrb5 and its headers are installed. */
function hasKerberos() {
  return spawnSync(process.execPath, [join(__dirname, 'pkg-config.cjs'), '--exists']).status === 0;
}

function compile() {
  const works = (...command) => spawnSync(command.join(' '), { shell: true }).status === 0;
  const missing = Object.entries({
    'a C++ compiler': works(env.CXX || (platform === 'darwin' ? 'c++' : 'g++'), '--version'),
    make: works('make', '--version'),
    Python: works(env.npm_config_python || env.PYTHON || 'python3', '--version'),
    'pkg-config': works('pkg-config', '--version'),
    "libkrb5's headers": hasKerberos(),
  }).flatMap(([what, there]) => (there ? [] : [what]));

  if (missing.length > 0) {
    console.error(`\
kpass has to be compiled on this system (${platform}-${arch}), which lacks ${missing.join(', ')}. To install them:
Debian: apt install g++ make python3 pkg-config libkrb5-dev; Fedora: dnf install gcc-c++ make python3 pkgconf krb5-devel
Alpine: apk add g++ make python3 pkgconf krb5-dev; Homebrew: xcode-select --install && brew install krb5 pkgconf python`);
    process.exit(1);
  }
  // node-gyp-build finds the node-gyp of npm, or of another package manager.
  const bin = require.resolve('node-gyp-build/bin.js');
  const { status } = spawnSync(process.execPath, [bin], {
    cwd: PACKAGE,
    env: { ...env, npm_config_build_from_source: 'true' },
    stdio: 'inherit',
  });
  process.exit(status ?? 1);
}
