// One name for all names that a KDC may take for one account. It may also join names of two accounts:
// the throttle then refuses too early, never too late.
//
// Active Directory compares names as Windows does without regard to case, accents, the kind of kana
// and width ([MS-ADTS], 6.5; [MS-UCODEREF], 3.1.5.2.4), and it ignores characters that its table does
// not have. Unicode's compatibility decomposition (UAX #15) does most of it, the tables below the rest.

/** Letters without a decomposition, whose stroke, hook or tail Windows takes for an accent. */
const LETTERS: Readonly<Record<string, string>> = {
  æ: 'ae',
  ð: 'd',
  ø: 'o',
  þ: 'th',
  đ: 'd',
  ħ: 'h',
  ı: 'i',
  ĸ: 'q',
  ł: 'l',
  ŋ: 'n',
  œ: 'oe',
  ŧ: 't',
  ƀ: 'b',
  ƃ: 'b',
  ƈ: 'c',
  ƌ: 'd',
  ƒ: 'f',
  ƙ: 'k',
  ƚ: 'l',
  ƞ: 'n',
  ƥ: 'p',
  ƫ: 't',
  ƭ: 't',
  ƴ: 'y',
  ƶ: 'z',
  ȥ: 'z',
  ȼ: 'c',
  ɇ: 'e',
  ɉ: 'j',
  ɋ: 'q',
  ɍ: 'r',
  ɏ: 'y',
  ɓ: 'b',
  ɖ: 'd',
  ɗ: 'd',
  ɛ: 'e',
  ɠ: 'g',
  ɨ: 'i',
  ɫ: 'l',
  ɲ: 'n',
  ɵ: 'o',
  ɽ: 'r',
  ʀ: 'r',
  ʈ: 't',
  ʉ: 'u',
  ʋ: 'v',
  ʐ: 'z',
  ς: 'σ',
};
const LETTER = new RegExp(`[${Object.keys(LETTERS).join('')}]`, 'gu');

/** From katakana to hiragana; and small kana, by the letters that they are small forms of. */
const KATAKANA = /[\u30a1-\u30f6]/gu;
const TO_HIRAGANA = 0x60;
const SMALL = 'ぁぃぅぇぉっゃゅょゎゕゖ';
const LARGE = 'あいうえおつやゆよわかけ';
const SMALL_KANA = new RegExp(`[${SMALL}]`, 'gu');

/** Accents, blanks, invisible and unassigned characters, letters that only modify, and pictures. */
const IGNORED = /[\p{M}\p{Z}\p{C}\p{Lm}\p{Sk}\p{So}]/gu;

/**
 * The account's name without its realm: the KDC and krb5.conf decide which realm a name without one
 * belongs to. The realm is cut off last, because U+FF20 is folded to the @.
 */
export function accountName(user: string): string {
  const [name = ''] = fold(user).split('@', 1);
  return name;
}

function fold(text: string): string {
  return text
    .normalize('NFKD')
    .replace(IGNORED, '')
    .toUpperCase()
    .toLowerCase()
    .normalize('NFKD')
    .replace(IGNORED, '')
    .replace(LETTER, (letter) => LETTERS[letter] ?? letter)
    .replace(KATAKANA, (kana) => String.fromCharCode(kana.charCodeAt(0) - TO_HIRAGANA))
    .replace(SMALL_KANA, (kana) => LARGE[SMALL.indexOf(kana)] ?? kana);
}
