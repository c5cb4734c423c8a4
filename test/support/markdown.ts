// Reads the parts of the manual that tests compare with the code: headings, links, tables,
// programs.

/** The text between one heading and the next one of the same or a higher level. */
export function sectionOf(markdown: string, heading: string): string {
  const lines = markdown.split('\n');
  const begin = lines.findIndex((line) => /^#+ /.test(line) && titleOf(line) === heading);
  if (begin < 0) throw new Error(`there is no heading '${heading}'`);
  const level = levelOf(lines[begin] ?? '');
  let isCode = false;
  const length = lines.slice(begin + 1).findIndex((line) => {
    if (line.startsWith('```')) isCode = !isCode;
    return !isCode && /^#+ /.test(line) && levelOf(line) <= level;
  });
  return lines.slice(begin + 1, length < 0 ? undefined : begin + 1 + length).join('\n');
}

const levelOf = (heading: string) => heading.indexOf(' ');
const titleOf = (heading: string) => heading.replace(/^#+ /, '');

/**
 * The rows of the first table in a section whose first column has this title. Each row is a list of
 * cells.
 */
export function tableOf(section: string, firstColumn: string): string[][] {
  const lines = section.split('\n');
  const begin = lines.findIndex((line) => line.startsWith(`| ${firstColumn} |`));
  if (begin < 0) throw new Error(`there is no table of '${firstColumn}'`);
  const length = lines.slice(begin).findIndex((line) => !line.startsWith('|'));
  const rows = lines.slice(begin + 2, length < 0 ? undefined : begin + length);
  return rows.map((row) =>
    row
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

/** The names in backticks in the first column. */
export function namesIn(rows: readonly string[][]): string[] {
  return rows.flatMap(([first = '']) =>
    [...first.matchAll(/`([^`(]+)[^`]*`/g)].map(([, name = '']) => name),
  );
}

/** The programs in a section, in one language. */
export function programsIn(section: string, language: string): string[] {
  const fence = new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, 'gms');
  return [...section.matchAll(fence)].map(([, program = '']) => program);
}

/** The targets of all links and pictures outside of code. */
export function linksIn(markdown: string): string[] {
  const prose = proseOf(markdown).replace(/`[^`]*`/g, '``');
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);
}

/** The anchors that headings have on GitHub. */
export function anchorsIn(markdown: string): string[] {
  const headings = proseOf(markdown).match(/^#+ .*$/gm) ?? [];
  return headings.map((heading) =>
    titleOf(heading)
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

function proseOf(markdown: string): string {
  return markdown.replace(/^ *```.*?^ *```$/gms, '');
}
