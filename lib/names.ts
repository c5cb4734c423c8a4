// Names as people type them, and the name that a KDC is asked for. The native side reads that name
// again (native/kerberos/user.cc), and knows what this file does not: the service's own realm.

/** The longest name, in bytes of UTF-8: as it is typed, and as it is asked for. */
const MAX_USER_BYTES = 256;

/** Most names: nothing below changes or refuses them. */
const PLAIN = /^[\w.-]{1,256}$/;

/** The settings that say what a name may look like. */
export interface NameSettings {
  /** Whose users may log in. Empty: the service's own realm. */
  readonly realms: readonly string[];
  /** Need canonicalization. */
  readonly upnSuffixes: readonly string[];
  /** The realm of each domain. The domain's case is folded. */
  readonly domains: ReadonlyMap<string, string>;
}

/**
 * The name to ask a KDC for. All spellings of one name give the same, save for the name's own case:
 * blanks are gone, `EXAMPLE\alice` has its realm, and a realm or a UPN suffix is spelled as the
 * settings spell it. A name without a realm stays so: the native side adds the realm.
 *
 * Null: no KDC has this name, or its users may not log in, or libkrb5 would read another name.
 */
export function askedName(typed: string, settings: NameSettings): string | null {
  if (PLAIN.test(typed)) return isWellKnown(typed) ? null : typed;
  // Before anything else: the expressions below are slow on a long text.
  if (!isShort(typed) || !typed.isWellFormed()) return null;
  const name = withRealm(typed, settings);
  return name !== null && canBeRight(name) ? name : null;
}

/** The same apart from case, for a map of domains and for comparisons. */
export function foldCase(text: string): string {
  return text.toLowerCase();
}

function withRealm(typed: string, { realms, upnSuffixes, domains }: NameSettings): string | null {
  const [domain, account] = cut(typed, '\\');
  if (account !== undefined) {
    const realm = domains.get(foldCase(domain));
    return realm === undefined || account.includes('@') ? null : `${account}@${realm}`;
  }
  const [name, suffix] = cut(typed, '@');
  if (suffix === undefined) return name;
  const spelled =
    spelledAs(suffix, realms) ??
    spelledAs(suffix, upnSuffixes) ??
    spelledAs(suffix, [...domains.values()]);
  if (spelled === undefined && realms.length > 0) return null;
  return `${name}@${spelled ?? smallLetters(suffix)}`;
}

/** For the native side, which compares ASCII apart from case. */
function smallLetters(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

/** The text before and after the first separator, without blanks at either end of both. */
function cut(text: string, separator: string): [string, string?] {
  const at = text.indexOf(separator);
  if (at < 0) return [trim(text)];
  return [trim(text.slice(0, at)), trim(text.slice(at + 1))];
}

/** Unicode's separators. Not String's trim(): it takes control characters away, which are refused. */
function trim(text: string): string {
  if (isGraphic(text.charCodeAt(0)) && isGraphic(text.charCodeAt(text.length - 1))) return text;
  return text.replace(/^\p{Z}+|\p{Z}+$/gu, '');
}

/** Of ASCII, and no blank. */
function isGraphic(code: number): boolean {
  return code > 0x20 && code < 0x7f;
}

function spelledAs(text: string, list: readonly string[]): string | undefined {
  return list.includes(text) ? text : list.find((each) => foldCase(each) === foldCase(text));
}

function canBeRight(name: string): boolean {
  return (
    isShort(name) &&
    // No control characters. No backslash: krb5_parse_name reads '\0' and '\@' as escapes.
    !/[\p{Cc}\\]/u.test(name) &&
    // A name, then one realm at most.
    /^[^@]+(@[^@]+)?$/.test(name) &&
    !isWellKnown(name)
  );
}

/** RFC 8062: anyone may log in as WELLKNOWN/ANONYMOUS. */
function isWellKnown(name: string): boolean {
  return /^WELLKNOWN(?:[/@]|$)/i.test(name);
}

function isShort(name: string): boolean {
  // UTF-8 is never shorter than UTF-16, so this line spares measuring a long name.
  return name.length <= MAX_USER_BYTES && Buffer.byteLength(name) <= MAX_USER_BYTES;
}
