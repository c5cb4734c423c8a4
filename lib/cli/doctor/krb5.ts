// Asks libkrb5 itself: doctor guesses nothing that it can ask.
//
// This file loads the addon. Import it only with import(), which rejects if the addon does not load.

import type { Settings } from '../../arguments.js';
import {
  binding,
  type ConfigFinding,
  FIRST_CONFIG,
  type KeytabFinding,
  LAST_CONFIG,
  type LoginFinding,
  type NativeOutcome,
  type NativeSettings,
} from '../../binding.js';
import { verify } from '../../calls.js';

export type Krb5 = typeof import('./krb5.js');
export type { ConfigFinding, KeytabFinding, KeytabKey, LoginFinding } from '../../binding.js';

/** The path of the loaded libkrb5; empty if the system does not tell it. */
export const libraryFile = (): string => binding.libraryFile();

/** The krb5.conf files, in the order in which libkrb5 reads them. */
export function configFiles(settings: Settings): readonly string[] {
  return settings.config ?? binding.defaultConfig().split(':');
}

/** Whether libkrb5 can read this one file: the step is empty if it can. */
export function readConfigFile(settings: Settings, file: string): ConfigFinding {
  return binding.configValues(
    native({ ...settings, config: [file] }),
    'libdefaults',
    'default_realm',
    null,
  );
}

/** The values of [section] name tag, or of [section] name; empty if there are none. */
export function configValues(
  settings: Settings,
  section: string,
  name: string,
  tag: string | null = null,
): string[] {
  const { values } = binding.configValues(native(settings), section, name, tag);
  return values === '' ? [] : values.split(', ');
}

/** No realm has this name, so kpass asks no KDC for a user. */
const NO_REALM = ' ';

/**
 * Finds the service's name as a verification does: it starts one, for a user of a foreign realm. The
 * verification refuses that user at the step 'realm', before it opens the keytab or asks a KDC.
 */
export async function nameService(settings: Settings): Promise<NativeOutcome> {
  const pool = binding.createPool(1, 0);
  try {
    const terms = {
      settings: { ...settings, realms: [NO_REALM], trace: undefined },
      timeout: settings.timeout,
      signal: undefined,
      counts: { verified: 0, denied: 0, failed: 0 },
      conclude: (outcome: NativeOutcome) => outcome,
    };
    return await verify(pool, terms, 'kpass-doctor@kpass-doctor', 'none');
  } finally {
    binding.closePool(pool);
  }
}

export function keytabKeys(settings: Settings): KeytabFinding {
  return binding.keytabKeys(native(settings));
}

/** Logs the service in with its keytab. Blocks until the login ends. */
export function keytabLogin(settings: Settings, service: string): LoginFinding {
  return binding.keytabLogin(native(settings), service);
}

function native(settings: Settings): NativeSettings {
  return binding.settings({
    ...settings,
    trace: false,
    firstConfig: FIRST_CONFIG,
    config: configFiles(settings),
    lastConfig: LAST_CONFIG,
    configNamed: settings.config !== null,
  });
}
