// A user's count of wrong passwords, in a dump of the KDC's database. kadmin can only reset the
// count, and only for failures of later seconds. kdb5_util loads any count from a dump.

/**
 * Positions in a principal's tab-separated line: `print_k5beta7_princ` in MIT's
 * src/kadmin/dbutil/dump.c. They are the same since krb5 1.8.
 */
const NAME = 6;
const LAST_FAILED = 13;
const COUNT = 14;

/**
 * A dump of one principal, with `count` wrong passwords. The last one was at `when`: seconds since
 * 1970, 0 for never. Throws an Error when `dump` lacks the principal.
 */
export function withFailures(dump: string, name: string, count: number, when: number): string {
  const [version, ...lines] = dump.split('\n');
  const fields = lines
    .map((line) => line.split('\t'))
    .find(([type, ...rest]) => type === 'princ' && rest[NAME - 1] === name);
  if (fields === undefined) throw new Error(`the realm has no principal ${name}`);
  fields[LAST_FAILED] = String(when);
  fields[COUNT] = String(count);
  return `${version}\n${fields.join('\t')}\n`;
}
