// The commands of each kind of KDC that repair an account or a key. Null, a kind that could not be told,
// gets MIT's.

import { shellWord } from '../usage.js';
import type { KdcKind } from './kdc-kind.js';
import { kadminLocal, type PrivateRealm } from './private-realm.js';

type Kind = KdcKind | null;

/** A shell command for MIT's kadmin. */
export const kadmin = (kind: Kind, query: string) =>
  isPrivate(kind) ? kadminLocal(kind, query) : `kadmin -q ${shellWord(query)}`;

/** Whether the commands are MIT's. */
export const hasKadmin = (kind: Kind) => kind === null || kind === 'MIT' || isPrivate(kind);

const isPrivate = (kind: Kind): kind is PrivateRealm => typeof kind === 'object' && kind !== null;

const command = (...words: string[]) => words.map(shellWord).join(' ');

/** 'HTTP/www.example.com' of 'HTTP/www.example.com@EXAMPLE.COM'. */
const withoutRealm = (principal: string) => principal.slice(0, principal.lastIndexOf('@'));

const OTHERS = '(For FreeIPA, Active Directory or Samba: docs/keytabs.md)';

/** Makes the service's first keytab. */
export function makeKeytab(kind: Kind, service: string, path: string): string[] {
  const name = withoutRealm(service);
  switch (kind) {
    case 'FreeIPA':
      return [
        'As an administrator of the realm, make a keytab:',
        `${command('ipa', 'service-add', name)}    # unless the service exists`,
        command('ipa-getkeytab', '-p', name, '-k', path),
      ];
    case 'Heimdal':
      return [
        'As an administrator of the realm, make a keytab:',
        `${command('kadmin', 'add', '--random-key', '--use-defaults', name)}    # unless the service exists`,
        command('kadmin', 'ext_keytab', `--keytab=${path}`, name),
      ];
    case 'Samba':
      return [
        'On the domain controller, make a keytab:',
        `samba-tool user create svc-www --random-password    # unless the account exists`,
        `${command('samba-tool', 'spn', 'add', name, 'svc-www')}    # unless it has the name`,
        ...exportKeytab(name, path),
      ];
    case 'Active Directory':
      return [
        'On a domain controller, make a keytab for an account of its own, here svc-www, and copy it here:',
        ktpass(service),
      ];
    default:
      return [
        isPrivate(kind) ? 'Make a keytab:' : 'As an administrator of the realm, make a keytab:',
        `${kadmin(kind, `addprinc -randkey ${service}`)}    # unless the service exists`,
        kadmin(kind, `ktadd -k ${path} ${service}`),
        ...(kind === null ? [OTHERS] : []),
      ];
  }
}

/** Makes the keytab anew, with the KDC's current key. */
export function remakeKeytab(kind: Kind, service: string, path: string): string[] {
  const name = withoutRealm(service);
  const anew = isPrivate(kind)
    ? 'Make a new keytab'
    : 'As an administrator of the realm, make a new keytab';
  switch (kind) {
    case 'FreeIPA':
      return [
        `${anew} (older keytabs stop working):`,
        command('ipa-getkeytab', '-p', name, '-k', path),
      ];
    case 'Heimdal':
      return [
        `${anew}:`,
        command('mv', path, `${path}.old`),
        command('kadmin', 'ext_keytab', `--keytab=${path}`, name),
      ];
    case 'Samba':
      return ['On the domain controller, make a new keytab:', ...exportKeytab(name, path)];
    case 'Active Directory':
      return [
        'On a domain controller, make a new keytab (older keytabs stop working), and copy it here:',
        command('setspn', '-Q', name),
        ktpass(service),
      ];
    default:
      return [
        `${anew} (older keytabs stop working):`,
        kadmin(kind, `ktremove -k ${path} ${service} all`),
        kadmin(kind, `ktadd -k ${path} ${service}`),
        ...(kind === null ? [OTHERS] : []),
      ];
  }
}

/** It adds to a keytab, so the old one goes first. */
const exportKeytab = (name: string, path: string) => [
  command('rm', '-f', path),
  command('samba-tool', 'domain', 'exportkeytab', path, `--principal=${name}`),
];

const ktpass = (service: string) =>
  `ktpass /princ ${service} /mapuser svc-www /crypto AES256-SHA1 /ptype KRB5_NT_PRINCIPAL /pass +rndpass /out http.keytab`;

/** Gives the service's name to an account. */
export function addService(kind: Kind, service: string, path: string): string[] {
  const name = withoutRealm(service);
  if (kind === 'Samba') return [command('samba-tool', 'spn', 'add', name, 'svc-www')];
  if (kind === 'Active Directory') return [command('setspn', '-S', name, 'svc-www')];
  return makeKeytab(kind, service, path).slice(1);
}

/** Shows what is held against an account; then unlocks it. */
export function unlock(kind: Kind, principal: string): string[] {
  const name = principal.split('@')[0] ?? principal;
  switch (kind) {
    case 'FreeIPA':
      return [
        command('ipa', 'user-status', name),
        command('ipa', 'user-unlock', name),
        command('ipa', 'user-enable', name),
      ];
    case 'Heimdal':
      return [
        command('kadmin', 'get', name),
        command('kadmin', 'modify', '--attributes=-disallow-all-tix', name),
      ];
    case 'Samba':
      return [
        command('samba-tool', 'user', 'show', name),
        command('samba-tool', 'user', 'unlock', name),
        command('samba-tool', 'user', 'enable', name),
        command('samba-tool', 'user', 'setexpiry', name, '--noexpiry'),
      ];
    case 'Active Directory':
      return [
        `Get-ADUser ${name} -Properties Enabled,LockedOut,AccountExpirationDate`,
        `Unlock-ADAccount ${name}`,
        `Enable-ADAccount ${name}`,
      ];
    default:
      return [kadmin(kind, `getprinc ${principal}`), kadmin(kind, `modprinc -unlock ${principal}`)];
  }
}

/** Shows the account. */
export const show = (kind: Kind, principal: string) => unlock(kind, principal).slice(0, 1);

/** Sets a new password for a user whose password is too old. */
export const newPassword = (kind: Kind, user: string): string[] =>
  isPrivate(kind)
    ? ['Set a new password:', kadmin(kind, `cpw ${user}`)]
    : ['The user must set a new password:', command('kpasswd', user)];
