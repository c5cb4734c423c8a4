// Asks libkrb5 itself: doctor guesses nothing that it can ask.
//
// This file loads the addon. Import it only with import(), which rejects if the addon does not load.

import {
  binding,
  type ConfigReport,
  type KeytabReport,
  type LoginReport,
  type ServiceReport,
} from '../../binding.js';
import { nativeSettings } from '../../native-settings.js';
import type { Settings } from '../../settings.js';

export type Krb5 = typeof import('./krb5.js');
export type { ConfigReport, KeytabKey, KeytabReport, LoginReport } from '../../binding.js';
export { configFiles } from '../../native-settings.js';

/** The path of the loaded libkrb5; empty if the system does not tell it. */
export const libraryFile = (): string => binding.libraryFile();

/** Whether libkrb5 can read this one file: the step is empty if it can. */
export function readConfigFile(settings: Settings, file: string): ConfigReport {
  return binding.configValues(
    nativeSettings({ ...settings, config: [file] }),
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
  return binding.configValues(nativeSettings(settings), section, name, tag).values;
}

/** The service's principal and realm, as a verification finds them. Asks no KDC. */
export async function nameService(settings: Settings): Promise<ServiceReport> {
  return binding.nameService(nativeSettings(settings));
}

export function keytabKeys(settings: Settings): KeytabReport {
  return binding.keytabKeys(nativeSettings(settings));
}

/** Logs the service in with its keytab. Blocks until the login ends. */
export function keytabLogin(settings: Settings, service: string): LoginReport {
  return binding.keytabLogin(nativeSettings(settings), service);
}
