// Names that Active Directory takes for one account, and that the throttle of kpass/http must count as
// one: [MS-ADTS] 6.5.1. The realm here is MIT's, which takes each for a name of its own: so a message
// that reaches it shows that the throttle took the second name of a pair for another account.

import assert from 'node:assert/strict';
import { IncomingMessage } from 'node:http';
import { type BasicAuth, basicAuth } from 'kpass/http';
import { Realm } from 'kpass/testing';
import { FaultProxy } from '../support/fault-proxy';
import { optionsFor } from '../support/subject';
import { basic } from '../support/web';

const same: Record<string, [string, ...string[]]> = {
  case: ['alice', 'Alice', 'ALICE'],
  'the realm': ['bob', 'bob@EXAMPLE.COM', 'BOB@EXAMPLE.COM'],
  accents: ['zoe', 'zoë', 'zoe\u0308', 'ZOË'],
  'full width': ['carol', 'ｃａｒｏｌ', 'ＣＡＲＯＬ'],
  'an @ in full width': ['dan', 'dan＠EXAMPLE.COM', 'dan﹫EXAMPLE.COM'],
  'a backslash in full width': ['judy', 'EXAMPLE＼judy', 'EXAMPLE﹨judy'],
  'blanks at either end': [
    'erin',
    ' erin',
    'erin ',
    'erin\u00a0',
    '\u3000erin',
    ' erin@EXAMPLE.COM',
  ],
  'invisible characters': ['frank', 'fr\u00adank', 'fr\u200bank', 'frank\u2060', '\ufefffrank'],
  'a stroke through o': ['ole', 'øle', 'ØLE', 'o\u0338le', 'ọ̄le'],
  'strokes through other letters': ['bdhlz', 'ƀđħłƶ', 'ɃĐĦŁƵ'],
  'hooks and tails': ['fgkn', 'ƒɠƙɲ', 'fɠkƞ'],
  'a turned letter': ['epsilon', 'ǝpsilon', 'əpsilon'],
  'i without its dot': ['ivy', 'ıvy', 'IVY', 'İvy', 'ɨvy'],
  'a long s': ['sam', 'ſam', 'ẛam'],
  'ß and ss': ['strauss', 'strauß', 'STRAUẞ', 'STRAUSS'],
  'æ and ae': ['baer', 'bær', 'BÆR', 'bǽr'],
  'œ and oe': ['soeur', 'sœur', 'SŒUR'],
  'þ and th': ['thor', 'þor', 'ÞOR'],
  'ð, đ and d': ['david', 'ðavið', 'đaviđ', 'ÐAVIÐ', 'ɗavid'],
  'ligatures and digraphs': ['fiffl', 'ﬁﬄ', 'fiﬀl'],
  'ǆ and its parts': ['dzena', 'ǆena', 'ǅena'],
  'raised and small letters': ['hpn', 'ʰᵖⁿ', 'ʜᴘɴ'],
  'letters in circles and brackets': ['grace', 'ⓖⓡⓐⓒⓔ', '⒢⒭⒜⒞⒠'],
  'letters over others': ['aeo', 'ͣͤͦ'],
  'mathematical letters, and nothing': ['', '𝐡𝐞𝐢𝐝𝐢'],
  'the kind of kana': ['さくら', 'サクラ', 'ｻｸﾗ'],
  'small kana': ['しゆつちよう', 'しゅっちょう', 'シュッチョウ', 'ｼｭｯﾁｮｳ', 'ㇱユツチヨウ'],
  'voiced kana': ['かた', 'がだ', 'ガダ', 'ｶﾞﾀﾞ', 'がた'],
  'long vowels of kana': ['らあめん', 'らーめん', 'ラーメン', 'ﾗｰﾒﾝ'],
  'marks that repeat': ['ささき', 'さゝき', 'サヽキ', 'さゞき', 'さ々き'],
  'marks that repeat a Chinese character': ['佐佐木', '佐々木', '佐〻木'],
  'compatibility characters': ['樂', '\uf914', '\uf95c'],
  'digits of other scripts': [
    'u1234567890',
    'u١٢٣٤٥٦٧٨٩٠',
    'u۱۲۳۴۵۶۷۸۹۰',
    'u１２３４５６７８９０',
    'u१२३४५६७८९०',
  ],
  'numbers in circles': ['u12', 'u①②', 'u⑫', 'u❶❷', 'u⓵⓶', 'u⒈⒉', 'u¹²', 'u➀➁'],
  'Greek: accents, breathings, sigma': ['ανδρεασ', 'ανδρέας', 'ἈΝΔΡΈΑΣ', 'ᾳνδρεας'],
  'Cyrillic: what has no decomposition': ['гзкхч', 'ғҙҝӽҷ', 'ҒҘҞӼҶ', 'ӻԑҡӿҹ'],
  'Cyrillic: what has one': ['иван', 'йван', 'ЍВАН'],
  'final letters of Hebrew': ['כמנפצ', 'ךםןףץ'],
  'Arabic: forms, dots, tatweel': ['كمال', 'ﻛﻤﺎﻝ', 'كـمال', 'ګمال'],
  'letters that Windows does not know': ['kim', 'k\u1c80im', 'k\ua7b1im', 'k\u0528im'],
};

describe('the throttle of kpass/http takes for one account', () => {
  let realm: Realm;
  let proxy: FaultProxy;
  let auth: BasicAuth;
  before(async () => {
    realm = await Realm.start();
    proxy = await FaultProxy.start(realm);
    const throttle = { attempts: 1, window: 3_600_000 };
    const secure = () => true;
    const { config } = proxy;
    auth = basicAuth({ ...optionsFor(realm), config, realm: 'x', secure, throttle });
  });
  after(async () => {
    auth?.close();
    await proxy?.stop();
    await realm?.stop();
  });

  let passwords = 0;
  /** Whether a password for this name, another one each time, got to the KDC. */
  async function reaches(name: string): Promise<boolean> {
    const before = proxy.log.length;
    const headers = { authorization: basic(name, `guess ${++passwords}`) };
    const request = Object.assign(new IncomingMessage(null as never), { headers });
    assert.equal(await auth.check(request), null);
    return proxy.log.length > before;
  }

  for (const [what, [first, ...others]] of Object.entries(same)) {
    it(`names that differ in this alone: ${what}`, async () => {
      // A name of its own for each test: another test has names of the same letters.
      const own = `t${Object.keys(same).indexOf(what)}x`.replace(
        /\d/g,
        (digit) => 'abcdefghij'[+digit] ?? '',
      );
      const of = (name: string) => name.replace(/^(\s*)(.*[\\＼﹨])?/u, `$1$2${own}`);
      assert.equal(await reaches(of(first)), true, first);
      for (const name of others) assert.equal(await reaches(of(name)), false, name);
    });
  }

  it('but not names that are others to everybody', async () => {
    const different = [
      'ann-marie',
      'annmarie',
      'ann.marie',
      'ann_marie',
      'anne',
      'ann/admin',
      'ann1',
      'ann2',
      'ann12',
      'anb',
      'ан',
      'анн',
      'αν',
      'אנ',
      'ان',
      'あん',
      'いん',
      'かん',
      '安',
      '宏',
      '안',
      '언',
    ];
    for (const name of different) assert.equal(await reaches(name), true, name);
  });
});
