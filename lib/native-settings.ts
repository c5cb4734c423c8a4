// The native side's copies of settings. A new copy for each call would be a large share of the call's
// cost on the JavaScript thread. So copies are kept: here, and nowhere else in lib/.

import { isDeepStrictEqual } from 'node:util';
import { binding, FIRST_CONFIG, LAST_CONFIG, type NativeSettings } from './binding.js';
import type { Settings } from './settings.js';

interface Copy {
  readonly native: NativeSettings;
  /** The default files of krb5.conf at the time; '' if the settings name files. */
  readonly defaultFiles: string;
}

/** For a Verifier: it passes the same object each time. */
const copies = new WeakMap<Settings, Copy>();

/** For kpass(): it passes a new object each time, mostly equal to the last one. */
let latest: Settings | undefined;

/** The native side's copy of `settings`. It is made again after KRB5_CONFIG has changed. */
export function nativeSettings(settings: Settings): NativeSettings {
  const defaultFiles = settings.config === null ? binding.defaultConfig() : '';
  const kept = copies.get(settings) ?? copyOfEqual(settings);
  if (kept?.defaultFiles === defaultFiles) return kept.native;
  const native = binding.settings({
    ...settings,
    firstConfig: FIRST_CONFIG,
    config: settings.config ?? listOf(defaultFiles),
    lastConfig: LAST_CONFIG,
    domainRealms: [...settings.domains.values()],
    trace: settings.trace !== undefined,
    configNamed: settings.config !== null,
  });
  copies.set(settings, { native, defaultFiles });
  // A Verifier's trace function must not outlive its Verifier. kpass() has none.
  if (settings.trace === undefined) latest = settings;
  return native;
}

function copyOfEqual(settings: Settings): Copy | undefined {
  if (latest === undefined || !isDeepStrictEqual(settings, latest)) return undefined;
  return copies.get(latest);
}

/** The krb5.conf files, in the order in which libkrb5 reads them: the first value found counts. */
export function configFiles({ config }: Settings): readonly string[] {
  return config ?? listOf(binding.defaultConfig());
}

function listOf(files: string): string[] {
  return files.split(':');
}
