// What libkrb5 itself says: doctor guesses at nothing that it can ask.
//
// Loads the addon: imported only once that is known to load.

import {
  binding,
  type ConfigReport,
  type KeytabReport,
  type LoginReport,
  type NativeOutcome,
} from '../../binding.js';
import { verify } from '../../calls.js';
import { nativeSettings } from '../../native-settings.js';
import type { Settings } from '../../settings.js';

export type Krb5 = typeof import('./krb5.js');
export type { ConfigReport, KeytabKey, KeytabReport, LoginReport } from '../../binding.js';
export { configFiles } from '../../native-settings.js';

/** The file of libkrb5 that is loaded; empty where the system does not tell. */
export const libraryFile = (): string => binding.libraryFile();

/** Whether libkrb5 can read this file by itself: an empty step where it can. */
export function readConfigFile(settings: Settings, file: string): ConfigReport {
  return binding.configValues(
    nativeSettings({ ...settings, config: [file] }),
    'libdefaults',
    'default_realm',
    null,
  );
}

/** The values of [section] name tag, or of [section] name; empty for none. */
export function configValues(
  settings: Settings,
  section: string,
  name: string,
  tag: string | null = null,
): string[] {
  const { values } = binding.configValues(nativeSettings(settings), section, name, tag);
  return values === '' ? [] : values.split(', ');
}

/** No realm is called so, and no user who claims to be of it is asked for at a KDC. */
const NO_REALM = ' ';

/**
 * How a verification names the service, found as one finds it: by beginning one, for a user whom it
 * refuses as foreign, with the step 'realm', before it opens the keytab or asks a KDC.
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

export function keytabKeys(settings: Settings): KeytabReport {
  return binding.keytabKeys(nativeSettings(settings));
}

/** Logs the service in with its keytab. Comes back when that is over. */
export function keytabLogin(settings: Settings, service: string): LoginReport {
  return binding.keytabLogin(nativeSettings(settings), service);
}
