// Settings of a Redis or Valkey server with which it forgets what the throttle counts.

type Fault = [detail: string, ...remedy: string[]];

/** `info`: the server's answer to INFO. */
export function faultsIn(info: string): Fault[] {
  const value = (name: string) => new RegExp(`^${name}:(.*?)\r?$`, 'm').exec(info)?.[1] ?? '';
  const faults: Fault[] = [];
  const policy = value('maxmemory_policy');
  if (policy !== '' && policy !== 'noeviction') {
    faults.push([
      `its maxmemory-policy is ${policy}: a full server forgets counted passwords, and more than ` +
        '`attempts` of them reach the KDC',
      'CONFIG SET maxmemory-policy noeviction',
    ]);
  }
  if (value('aof_enabled') === '0') {
    faults.push([
      'it has no append-only file: with each restart it may forget counted passwords',
      'CONFIG SET appendonly yes',
    ]);
  }
  return faults;
}
