import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { S3Error } from './errors.ts';
import { document, element } from './xml.ts';
import { child, children, childText, parseLargeXml, parseXml, requiredText } from './xml-parse.ts';

const parse = (text: string, root = 'R') => parseXml(Buffer.from(text), root);

function assertMalformed(action: () => unknown, label: string) {
  assert.throws(
    action,
    (error) => error instanceof S3Error && error.code === 'MalformedXML' && error.status === 400,
    label,
  );
}

const oddKeys = ['0123', '1e3', 'true', ' a ', '\u0001', '__proto__', 'constructor', '😀ä'];

test('text untrimmed, never turned into numbers or booleans', () => {
  for (const key of oddKeys) {
    assert.equal(requiredText(parse(`<R><Key>${key}</Key></R>`), 'Key'), key);
  }
  assert.equal(requiredText(parse('<R><Key> \n </Key></R>'), 'Key'), ' \n ');
});

test('CR and LF sent as references stay, raw line ends become LF', () => {
  assert.equal(requiredText(parse('<R><K>a&#13;&#10;b&#xD;</K></R>'), 'K'), 'a\r\nb\r');
  assert.equal(requiredText(parse('<R><K>a\r\nb\rc</K></R>'), 'K'), 'a\nb\nc');
});

test('the five entities and numeric references are decoded, once', () => {
  assert.equal(requiredText(parse('<R><K>&lt;&gt;&amp;&quot;&apos;</K></R>'), 'K'), `<>&"'`);
  assert.equal(requiredText(parse('<R><K>&#1;&#x1F600;&#233;</K></R>'), 'K'), '\u0001😀é');
  assert.equal(requiredText(parse('<R><K>&amp;#13;&amp;lt;</K></R>'), 'K'), '&#13;&lt;');
});

test('elements called __proto__ and constructor are elements like any other', () => {
  const root = parse('<R><__proto__>x</__proto__><constructor>y</constructor></R>');
  assert.equal(childText(root, '__proto__'), 'x');
  assert.equal(childText(root, 'constructor'), 'y');
  assert.equal(childText(root, 'toString'), undefined);
});

test('unknown elements are ignored, prefixes and namespaces tolerated', () => {
  const root = parse(
    `<?xml version="1.0" encoding="UTF-8"?>\n<!-- c --><s3:R xmlns:s3='http://x/' a="&amp;">
      <s3:Unknown><deep/></s3:Unknown><Key s3:x="1">k</Key><?pi data?></s3:R>\n`,
  );
  assert.equal(root.name, 'R');
  assert.equal(childText(root, 'Key'), 'k');
  assert.equal(child(root, 'Unknown')?.children[0]?.name, 'deep');
});

test('CDATA and comments do not split text', () => {
  assert.equal(requiredText(parse('<R><K>a<![CDATA[<&]]><!-- no -->b</K></R>'), 'K'), 'a<&b');
});

test('a byte order mark is skipped', () => {
  assert.equal(parse('\ufeff<R/>').name, 'R');
});

test('children keeps order; a singular element that stands twice is refused', () => {
  const root = parse('<R><O>1</O><X/><O>2</O></R>');
  assert.deepEqual(
    children(root, 'O').map((node) => node.text),
    ['1', '2'],
  );
  assertMalformed(() => child(root, 'O'), 'twice');
  assertMalformed(() => requiredText(root, 'Gone'), 'missing');
  assert.equal(childText(root, 'X'), '');
});

test('what is not well formed is MalformedXML', () => {
  for (const text of [
    '',
    ' ',
    'text',
    '<R>',
    '</R>',
    '<R></r>',
    '<R/><R/>',
    '<R/>text',
    'text<R/>',
    '<Other/>',
    '<R><K></R></K>',
    '<R><K>&nbsp;</K></R>',
    '<R><K>&</K></R>',
    '<R><K>&#0;</K></R>',
    '<R><K>&#xD800;</K></R>',
    '<R><K>&#1114112;</K></R>',
    '<R><K>&#;</K></R>',
    '<R><K>a\u0000</K></R>',
    '<R><K>]]></K></R>',
    '<R><1a/></R>',
    '<R a=b/>',
    '<R a="1" a="2"/>',
    '<R a="<"/>',
    '<R a="&x;"/>',
    '<R a="1"b="2"/>',
    '<R a/>',
    '<R ',
    '<R><!-- a -- b --></R>',
    '<R><![CDATA[x</R>',
    '<R><?xml version="1.0"?></R>',
    ' <?xml version="1.0"?><R/>',
    '<?xml version="2.0"?><R/>',
    '<?xml version="1.0" encoding="UTF-16"?><R/>',
    '<R><?pi</R>',
    '<a:b:R/>',
  ]) {
    assertMalformed(() => parse(text), JSON.stringify(text));
  }
  assertMalformed(() => parseXml(Buffer.from([0x3c, 0x52, 0xff, 0x3e]), 'R'), 'not UTF-8');
});

test('DOCTYPE is MalformedXML', () => {
  for (const text of [
    '<!DOCTYPE R><R/>',
    '<!DOCTYPE R [<!ENTITY a "b">]><R>&a;</R>',
    '<R><!DOCTYPE x></R>',
    '<!ENTITY x "y"><R/>',
  ]) {
    assertMalformed(() => parse(text), text);
  }
});

test('the large form refuses the same', async () => {
  await assert.rejects(parseLargeXml(Buffer.from('<R><K></R>'), 'R'), { code: 'MalformedXML' });
  await assert.rejects(parseLargeXml(Buffer.from('<X/>'), 'R'), { code: 'MalformedXML' });
});

test('depth and number of elements are limited', () => {
  const nested = (levels: number) => `${'<R>'.repeat(levels)}${'</R>'.repeat(levels)}`;
  assert.equal(parse(nested(20)).name, 'R');
  assertMalformed(() => parse(nested(21)), 'depth');
  assertMalformed(() => parse(nested(50_000)), 'a document that would overflow a stack');
  const limits = { maxDepth: 3, maxElements: 3 };
  assert.equal(parseXml(Buffer.from('<R><a/><a/></R>'), 'R', limits).children.length, 2);
  assertMalformed(() => parseXml(Buffer.from('<R><a/><a/><a/></R>'), 'R', limits), 'elements');
});

test('lengths of texts and the number of attributes are limited: each costs time', () => {
  const longest = '&#x10FFFF;'.repeat(1024);
  assert.equal(requiredText(parse(`<R><Key>${longest}</Key></R>`), 'Key').length, 2048);
  const tooLong = '&amp;'.repeat(4_000);
  for (const text of [tooLong, `<![CDATA[${tooLong}]]>`, `<Key a="${tooLong}"/>`]) {
    assertMalformed(() => parse(`<R>${text}</R>`), text.slice(0, 20));
  }
  const attributes = Array.from({ length: 65 }, (_, at) => `a${at}=""`).join(' ');
  assertMalformed(() => parse(`<R ${attributes}/>`), 'attributes');
});

test('others get their turn while references are read', async () => {
  let turns = 0;
  let ticker = setImmediate(function tick() {
    turns += 1;
    ticker = setImmediate(tick);
  });
  const key = `<Object><Key>${'&amp;'.repeat(1024)}</Key></Object>`;
  const root = await parseLargeXml(Buffer.from(`<Delete>${key.repeat(300)}</Delete>`), 'Delete');
  clearImmediate(ticker);
  assert.ok(turns > 5, `${turns} turns`);
  assert.equal(root.children.length, 300);
});

test('whatever text is written is read back the same', () => {
  const anyKey = fc.string({ unit: 'binary', maxLength: 40 }).filter((key) => !key.includes('\0'));
  fc.assert(
    fc.property(fc.array(anyKey, { maxLength: 5 }), (keys) => {
      const text = document(
        'R',
        keys.map((key) => element('Key', key)),
      );
      const read = children(parse(text), 'Key').map((node) => node.text);
      assert.deepEqual(read, keys);
    }),
    { numRuns: 300 },
  );
});

test('no text makes it throw anything but MalformedXML', () => {
  const pieces = fc.constantFrom(
    '<',
    '>',
    '/',
    'R',
    '<R>',
    '</R>',
    '&',
    ';',
    '#',
    '"',
    '=',
    ' ',
    '!',
    '--',
    '?',
    '[CDATA[',
    ']]>',
    'é',
  );
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 30 }), (list) => {
      try {
        parse(list.join(''));
      } catch (error) {
        assert.ok(error instanceof S3Error && error.code === 'MalformedXML', String(error));
      }
    }),
    { numRuns: 500 },
  );
});

test('a Complete of 10,000 parts is read whole, and others get their turn meanwhile', async () => {
  const parts = Array.from({ length: 10_000 }, (_, index) => index + 1);
  const text = document(
    'CompleteMultipartUpload',
    parts.map((number) =>
      element(
        'Part',
        element('ETag', '"d41d8cd98f00b204e9800998ecf8427e"'),
        element('PartNumber', number),
      ),
    ),
  );
  let turns = 0;
  let ticker: NodeJS.Immediate;
  const tick = () => {
    turns += 1;
    ticker = setImmediate(tick);
  };
  ticker = setImmediate(tick);
  const root = await parseLargeXml(Buffer.from(text), 'CompleteMultipartUpload');
  clearImmediate(ticker);
  assert.ok(turns > 5, `${turns} turns`);
  assert.deepEqual(parse(text, 'CompleteMultipartUpload'), root);
  assert.deepEqual(
    children(root, 'Part').map((node) => requiredText(node, 'PartNumber')),
    parts.map(String),
  );
});
