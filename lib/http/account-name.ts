// One name for all names that a KDC may take for one account. Two names that are one account must get
// one name here. Two accounts may share one: the throttle then refuses too early, never too late.
//
// Active Directory compares names by Windows' sort weights: [MS-ADTS] 6.5.1, with the flags
// NORM_IGNORECASE, NORM_IGNOREKANATYPE, NORM_IGNORENONSPACE and NORM_IGNOREWIDTH. The weights are in
// the table of [MS-UCODEREF] 3.1.5.2.3.1. They ignore case, accents, strokes and hooks of letters,
// width, the kind of kana, and every character that the table does not know: which those are depends
// on the version of Windows. So this file names the characters that it keeps, and drops all others.

import { isAscii } from 'node:buffer';

/** Numbers in a row, one more each time: the first, its value, and their count. */
const ROWS: readonly (readonly [first: string, value: number, count: number])[] = [
  ['౸', 0, 4],
  ['౼', 1, 3],
  ['፩', 1, 9],
  ['⓫', 11, 10],
  ['⓵', 1, 10],
  ['⚀', 1, 6],
  ['❶', 1, 10],
  ['➀', 1, 10],
  ['➊', 1, 10],
  ['〡', 1, 9],
  ['㋀', 1, 10],
  ['㋊', 10, 2],
  ['㍘', 0, 25],
  ['㏠', 1, 31],
  ['ꛦ', 1, 9],
];

/** Letters that weigh as much as others, without being their decomposition in Unicode. */
const SAME: Readonly<Record<string, string>> = {
  '0': '۟۠୵⓿〇ꛯ↉꠳',
  '1': '᧚',
  '2': 'ƻ',
  '5': 'ƽƼ',
  '6': 'ↅ',
  '10': '፲௰൰〸㉈',
  '12': '୳൴༪⳽꠱',
  '14': '୲൳꠰',
  '16': '୷꠵',
  '18': '୶꠴',
  '20': '፳〹㉉',
  '30': '፴〺㉊',
  '34': '୴൵꠲',
  '40': '፵㉋',
  '50': '፶ↆ㉌',
  '.': '⳹',
  _: '׆෴‿꙾⳼꛲꛳꛴꛵꛶꛷',
  a: 'ͣᷓⱥɐɑɒᴀᶏᶐ',
  b: 'ƀɓƃƅʙᴃᴯᵬᶀ',
  c: 'ͨᷗɔƈȼɕʗᴄᴐᶗꜿ',
  d: 'ͩᷘᷙðđɗƌƍʤᴅᴆᵭᶁᶑꝺ',
  e: 'ͤǝəɇɘɚᴇᶒᶕ℮∑ⱸⱻ',
  f: 'ƒᵮᶂⅎꜰꝼꟻ',
  g: 'ᷚᷛɠɣǥɡɢɤʛᵷᶃ⅁ꝿꞡ',
  h: 'ͪħɥɦʜⱨ',
  i: 'ͥıɩɨɪᴉᵎᵻᵼᶖꟾ',
  j: 'ȷɉɟʄʝᴊ',
  k: 'ᷜ㎢ĸƙʞᴋᶄⱪꝁꝃꝅꞣ',
  l: 'ᷝᷞłƚƛɫɬɭɮʟᴌᶅ⅂⅃ⱡꝇꝉꞁ',
  m: 'ͫᷟ㎟ɯɰɱᴍᴟᵯᶆꝳꟽ',
  n: 'ᷠᷡɲƞɳɴᴎᴻᵰᶇꞥ',
  o: 'ͦøɵƣɶɷᴏᴑᴒᴓᴕᴖᴗⱺꝋꝍ',
  p: 'ƥɸᴘᵱᵽᶈ℘ⱷꝑꝓꝕꟼ',
  q: 'ɋʠ℺ꝗꝙ',
  r: 'ͬᷢᷣʀɍɹɺɻɼɽɾɿʁᴙᴚᵲᵳᶉⱹꝛꝝꝵꝶꞃ',
  s: 'ᷤẜẝƨʃƪȿʂʅʆᵴᶊᶋᶘꜱ',
  t: 'ͭᶿƫƭʈȶⱦʇʧʨᴛᵵꜩꝷꞇ',
  u: 'ͧʊʉᴜᵾᵿᶙ',
  v: 'ͮʋʌᴠᶌỽⱱⱴꝟ',
  w: 'ƿʍᴡⱳ',
  x: 'ͯᶍ',
  y: 'ƴɏʎʏỿ⅄',
  z: 'ᷦƶȥɀʐʑᴢᵶᶎ℥ⱬꝣ',
  aa: 'ꜳ',
  ae: 'ᷔæᴁᴂ',
  ao: 'ᷕꜵ',
  au: 'ꜷ',
  av: 'ᷖꜹꜻ',
  ay: 'ꜽ',
  db: 'ȸ',
  fn: 'ʩ',
  ll: 'ỻ',
  ls: 'ʪ',
  lz: 'ʫ',
  oe: 'œ',
  oo: 'ꝏ',
  em2: '㍸',
  em3: '㍹',
  kμl: '㎦',
  mμl: '㎣',
  qp: 'ȹ',
  ss: 'ß',
  th: 'þꝥꝧ',
  vy: 'ꝡ',
  α: 'ᵅ',
  γ: 'ᴦ',
  λ: 'ᴧ',
  π: 'ᴨ',
  ρ: 'ϼᴩ',
  σ: 'ςͼ',
  ψ: 'ᴪ',
  ω: '℧℩',
  г: 'ⷢғӻ',
  з: 'ⷥҙԑ',
  а: 'ⷶ',
  б: 'ⷠ',
  в: 'ⷡ',
  д: 'ⷣ',
  е: 'ⷷ',
  ж: 'ⷤ',
  м: 'ⷨ',
  н: 'ⷩ',
  р: 'ⷬ',
  т: 'ⷮ',
  ш: 'ⷲ',
  щ: 'ⷳ',
  ю: 'ⷻ',
  к: 'ⷦҝҟҡӄ',
  л: 'ⷧԓᴫ',
  о: 'ⷪꙩꙫꙭꙮ',
  п: 'ⷫҧ',
  с: 'ⷭⷵҫ',
  х: 'ⷯӽӿ',
  ц: 'ⷰҵ',
  ч: 'ⷱҷҹ',
  כ: 'ך',
  מ: 'ם',
  נ: 'ן',
  פ: 'ף',
  צ: 'ץ',
  וו: 'װ',
  וי: 'ױ',
  יי: 'ײ',
  ا: 'ݳݴ',
  ب: 'ݐݑݒݓݔݕݖ',
  ة: 'ۃ',
  ح: 'ځڂڅݗݘݮݯݲݼ',
  د: 'ڋۮݙݚ',
  ر: 'ڒڔڕږڗۯݛݫݬݱ',
  س: 'ښڛڜݜݭݰݽݾ',
  ش: 'ۺ',
  ص: 'ڝڞ',
  ض: 'ۻ',
  ط: 'ڟ',
  ع: 'ڠݝݞݟ',
  غ: 'ۼ',
  ف: 'ڡڢڣݠݡ',
  ق: 'ٯڧڨ',
  ك: 'ګڬڮݿ',
  ل: 'ڵڶڷڸݪ',
  م: 'ݥݦ',
  ن: 'ںڼݧݨݩ',
  ه: 'ھہۿ',
  و: 'ۄۊۏݸݹ',
  ي: 'یؽؾؿێۑےݵݶݷݺݻ',
  چ: 'ڿ',
  ک: 'ػؼݢݣݤ',
  گ: 'ڰ',
  صلى: 'ۖ',
  قلى: 'ۗ',
  صحم: 'ﷅ',
  يجي: 'ﶮ',
  يحي: 'ﶯ',
  易: '﨎',
  羅: '﨏',
  螺: '﨑',
  邏: '﨓',
  樂: '﨔',
  蘭: '﨟',
  嵐: '﨡',
  藍: '﨣',
  襤: '﨤',
  蠟: '﨧',
  廊: '﨨',
  朗: '﨩',
  // Kana: the small ones weigh as much as the others.
  あ: 'ぁ',
  い: 'ぃ',
  う: 'ぅ',
  え: 'ぇ',
  お: 'ぉ',
  か: 'ゕ',
  く: 'ㇰ',
  け: 'ゖ',
  し: 'ㇱ',
  す: 'ㇲ',
  つ: 'っ',
  と: 'ㇳ',
  ぬ: 'ㇴ',
  は: 'ㇵ',
  ひ: 'ㇶ',
  ふ: 'ㇷ',
  へ: 'ㇸ',
  ほ: 'ㇹ',
  む: 'ㇺ',
  や: 'ゃ',
  ゆ: 'ゅ',
  よ: 'ょ',
  ら: 'ㇻ',
  り: 'ㇼ',
  る: 'ㇽ',
  れ: 'ㇾ',
  ろ: 'ㇿ',
  わ: 'ゎ',
};

const MAPPED: ReadonlyMap<string, string> = new Map([
  ...Object.entries(SAME).flatMap(([same, letters]) =>
    [...letters].map((letter) => [letter, same] as const),
  ),
  ...ROWS.flatMap(([first, value, count]) =>
    Array.from({ length: count }, (_, i) => [after(first, i), String(value + i)] as const),
  ),
]);

// Characters without a weight, or with one of their own, whose decomposition has other weights.
const DROPPED = /[෦-෯ᲀ-ᲈ₨℀℁℅℆Ⅰ-ↄↇ↊㈝㈞㉐㎑-㎔㋿ꚜꚝꞪ-꟱ꟲ-ꟴꟸꟹ꧰-꧹ꭞꭩ\ufa2e\ufa2f㋏㏂﷼]/;

// ASCII, Greek, Cyrillic, Hebrew, Arabic, kana, Chinese characters, and the letters of Hangul.
const KEPT =
  /^[a-z0-9@\\./_\-α-ωа-џא-תء-غف-يپچژکگあ-ゖー一-龥\u1100-\u1112\u1161-\u1175\u11a8-\u11c2]$/;

/** Marks that repeat the character before them. */
const REPEATS = /[ゝヽ々〱-〵〻]/;

/** Kana by their vowel. The mark ー stands for the vowel of the kana before it. */
const VOWELS: Readonly<Record<string, string>> = {
  あ: 'あかさたなはまやらわ',
  い: 'いきしちにひみりゐ',
  う: 'うくすつぬふむゆる',
  え: 'えけせてねへめれゑ',
  お: 'おこそとのほもよろを',
};

/** The one name. Without domain and realm: the KDC and krb5.conf say to which realm a name belongs. */
export function accountName(typed: string): string {
  // The separators may be typed in another width, so they are sought after the folding.
  const [name = ''] = fold(typed).split('@', 1);
  return name.slice(name.lastIndexOf('\\') + 1);
}

function fold(name: string): string {
  // The same, but fast: most names are ASCII.
  if (isAscii(Buffer.from(name))) return name.toLowerCase().replace(/[^a-z0-9@\\./_-]/g, '');
  let folded = '';
  for (const typed of name) {
    for (const letter of lettersOf(typed)) {
      if (REPEATS.test(letter)) folded += folded.at(-1) ?? '';
      else if (letter === 'ー') folded += vowelOf(folded.at(-1) ?? '');
      else if (KEPT.test(letter)) folded += letter;
    }
  }
  return folded;
}

/** The letters that weigh as much as this character. */
function* lettersOf(typed: string): Generator<string> {
  const mapped = MAPPED.get(typed);
  if (mapped !== undefined) yield* mapped;
  // Letters beyond U+FFFF are dropped: a pair of surrogates has two weights.
  else if (typed.length === 1 && !DROPPED.test(typed)) {
    const bare = typed.normalize('NFKD').replace(/\p{M}/gu, '');
    const whole = /\p{N}/u.test(typed) && bare.length > 1 ? bare.replace(/[^0-9]/g, '') : bare;
    for (const letter of whole.toUpperCase().toLowerCase()) {
      const plain = hiragana(letter);
      yield* MAPPED.get(plain) ?? digit(plain) ?? plain;
    }
  }
}

/** After anything but kana, the mark ー repeats it. */
function vowelOf(last: string): string {
  if (last === '') return '';
  return Object.keys(VOWELS).find((vowel) => VOWELS[vowel]?.includes(last)) ?? last;
}

/** Katakana and hiragana are two blocks with the same order. */
function hiragana(letter: string): string {
  return /[ァ-ヶ]/.test(letter) ? after(letter, -0x60) : letter;
}

/** The value of a decimal digit: each script's are a row from 0 to 9. */
function digit(letter: string): string | undefined {
  if (!/\p{Nd}/u.test(letter)) return undefined;
  let value = 0;
  while (/\p{Nd}/u.test(after(letter, -value - 1))) value++;
  return String(value % 10);
}

function after(letter: string, count: number): string {
  return String.fromCharCode(letter.charCodeAt(0) + count);
}
