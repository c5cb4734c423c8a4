// Asks pkg-config about MIT Kerberos, for binding.gyp.
//
// usage: node scripts/pkg-config.cjs --cflags|--libs
//
// macOS has a Kerberos that is not MIT's. So Homebrew keeps its krb5 outside the folders that
// pkg-config searches.

const { spawnSync } = require('node:child_process');
const { delimiter } = require('node:path');

const HOMEBREW = ['/opt/homebrew', '/usr/local'].map((root) => `${root}/opt/krb5/lib/pkgconfig`);

const { env, platform } = process;
if (platform === 'darwin') {
  env.PKG_CONFIG_PATH = [env.PKG_CONFIG_PATH, ...HOMEBREW].filter(Boolean).join(delimiter);
}
const { status } = spawnSync('pkg-config', [...process.argv.slice(2), 'krb5'], {
  stdio: 'inherit',
});
process.exitCode = status ?? 1;
