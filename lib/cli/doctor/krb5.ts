// What libkrb5 itself says: doctor guesses at nothing that it can ask.
//
// Loads the addon: imported only once that is known to load.

import type { Settings } from '../../arguments.js';
import {
  binding,
  type ConfigReport,
  FIRST_CONFIG,
  type KeytabReport,
  LAST_CONFIG,
  type LoginReport,
  type NativeSettings,
  type ServiceReport,
} from '../../binding.js';

export type Krb5 = typeof import('./krb5.js');
export type { ConfigReport, KeytabKey, KeytabReport, LoginReport } from '../../binding.js';

/** The file of libkrb5 that is loaded; empty where the system does not tell. */
export const libraryFile = (): string => binding.libraryFile();

/** The files of krb5.conf, in the order in which they count. */
export function configFiles(settings: Settings): readonly string[] {
  return settings.config ?? binding.defaultConfig().split(':');
}

/** Whether libkrb5 can read this file by itself: an empty step where it can. */
export function readConfigFile(settings: Settings, file: string): ConfigReport {
  return binding.configValues(
    native({ ...settings, config: [file] }),
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
  return binding.configValues(native(settings), section, name, tag).values;
}

/** The service's principal and realm, as a verification finds them. Asks no KDC. */
export async function nameService(settings: Settings): Promise<ServiceReport> {
  return binding.nameService(native(settings));
}

export function keytabKeys(settings: Settings): KeytabReport {
  return binding.keytabKeys(native(settings));
}

/** Logs the service in with its keytab. Comes back when that is over. */
export function keytabLogin(settings: Settings, service: string): LoginReport {
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
