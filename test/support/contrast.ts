// Measures how readable the text of a page is, by WCAG 2.2: its contrast with the background.

import type { Page } from 'playwright-core';

export interface Text {
  text: string;
  /** As the browser computes them: 'rgb(22, 32, 44)'. */
  color: string;
  background: string;
  /** From 1 (the same colour) to 21 (black on white). */
  contrast: number;
}

// Runs in the page. The background is the first one found on the way from the text outwards.
const COLOURS = `(() => {
  const texts = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const text = node.data.trim();
    if (!text) continue;
    let behind = node.parentElement;
    const clear = (element) => getComputedStyle(element).backgroundColor === 'rgba(0, 0, 0, 0)';
    while (clear(behind) && behind.parentElement) behind = behind.parentElement;
    const { color } = getComputedStyle(node.parentElement);
    texts.push({ text, color, background: getComputedStyle(behind).backgroundColor });
  }
  return texts;
})()`;

/** Every text that the page shows, in order. It throws for a colour that is not plain and opaque. */
export async function textsOf(page: Page): Promise<Text[]> {
  const found = await page.evaluate<Omit<Text, 'contrast'>[]>(COLOURS);
  return found.map((text) => ({ ...text, contrast: contrast(text.color, text.background) }));
}

function contrast(one: string, other: string): number {
  const [darker = 0, lighter = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (lighter + 0.05) / (darker + 0.05);
}

/** WCAG's relative luminance, from 0 (black) to 1 (white). */
export function luminance(color: string): number {
  const [, ...channels] = /^rgb\((\d+), (\d+), (\d+)\)$/.exec(color) ?? [];
  if (channels.length !== 3) throw new TypeError(`not a plain colour: ${color}`);
  const [red = 0, green = 0, blue = 0] = channels.map((channel) => {
    const value = Number(channel) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
