/**
 * The count of a user's wrong passwords, as a dump of the KDC's database has it. kadmin can only set
 * it back, and then for failures of later seconds alone; kdb5_util loads what a dump says.
 */

/**
 * Places in the tab-separated line of a principal: `print_k5beta7_princ` in MIT's
 * src/kadmin/dbutil/dump.c. The same since krb5 1.8.
 */
const NAME = 6;
const LAST_FAILED = 13;
const COUNT = 14;

/**
 * A dump of this one principal, with `count` wrong passwords, the last one at `when` (seconds since
 * 1970; 0 for never). Throws an Error when the dump does not have it.
 */
export function withFailures(dump: string, name: string, count: number, when: number): string {
  const [version, ...lines] = dump.split('\n');
  const fields = lines
    .map((line) => line.split('\t'))
    .find(([type, ...rest]) => type === 'princ' && rest[NAME - 1] === name);
  if (fields === undefined) throw new Error(`The realm has no principal ${name}`);
  fields[LAST_FAILED] = String(when);
  fields[COUNT] = String(count);
  return `${version}\n${fields.join('\t')}\n`;
}
