// Finds the native addon, and loads it: the one that `kpass build` compiled here, or the binary of the
// package for this system. If none loads, the error says what to do.
//
// Each require() has its path written out. So tools that trace or pack a program find the files.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isMusl } from './libc.js';
import { BUNDLED } from './outside.js';
import { PACKAGE } from './package-folder.js';

/** Loads the addon. Throws an Error with a remedy. */
export function loadAddon(): unknown {
  if (process.platform !== 'linux' && process.platform !== 'darwin') {
    throw new Error(`kpass runs on Linux and macOS only; this is ${process.platform}`);
  }
  // A bundle may have the addon, but not the rest of the package.
  if (!isInPackage()) throw new Error(BUNDLED);
  try {
    return compiledHere() ?? shipped();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(
      `kpass cannot load its native addon on ${process.platform} ${process.arch}, ` +
        `Node ${process.version}: ${firstLine(reason)}\n${remedy(reason, codeOf(cause))}`,
      { cause },
    );
  }
}

/** The addon that was compiled on this machine; undefined if there is none. */
function compiledHere(): unknown {
  try {
    return require('../build/Release/kpass.node');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

function shipped(): unknown {
  // Trying is not safe: a binary for glibc may load on musl, and crash later.
  const system = `${process.platform}-${process.arch}`;
  try {
    switch (system === 'linux-x64' || system === 'linux-arm64' ? `${system}-${libc()}` : system) {
      case 'linux-x64-glibc':
        return require('../prebuilds/linux-x64/kpass.glibc.node');
      case 'linux-x64-musl':
        return require('../prebuilds/linux-x64/kpass.musl.node');
      case 'linux-arm64-glibc':
        return require('../prebuilds/linux-arm64/kpass.glibc.node');
      case 'linux-arm64-musl':
        return require('../prebuilds/linux-arm64/kpass.musl.node');
    }
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  throw new Error('the package has no binary for this system');
}

const libc = () => (isMusl() ? 'musl' : 'glibc');

const isMissing = (error: unknown) => codeOf(error) === 'MODULE_NOT_FOUND';

function codeOf(error: unknown): unknown {
  return (error as { code?: unknown } | null)?.code;
}

/** Without the `Require stack` that Node.js adds. */
const firstLine = (message: string) => message.trim().split('\n', 1)[0];

function remedy(reason: string, code: unknown): string {
  if (code === 'ERR_DLOPEN_DISABLED') {
    return (
      'Node.js was started so that it loads no addon. With --permission, start it with ' +
      '--allow-addons too. Do not start it with --no-addons.'
    );
  }
  if (code === 'ERR_ACCESS_DENIED') {
    return `Start Node.js with --allow-addons and --allow-fs-read=${PACKAGE} too.`;
  }
  if (/libkrb5|libk5crypto|libcom_err/.test(reason)) {
    return (
      'MIT Kerberos is not installed here. Install libkrb5-3 (Debian, Ubuntu), ' +
      'krb5-libs (Fedora, RHEL, Alpine) or krb5 (Arch, openSUSE, Homebrew).'
    );
  }
  return 'To compile kpass on this system, run: npx kpass build';
}

/** False in a bundle, which is in the folder of another package. */
function isInPackage(): boolean {
  try {
    return JSON.parse(readFileSync(join(PACKAGE, 'package.json'), 'utf8')).name === 'kpass';
  } catch (error) {
    return codeOf(error) === 'ERR_ACCESS_DENIED';
  }
}
