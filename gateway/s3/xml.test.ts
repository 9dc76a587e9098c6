import assert from 'node:assert/strict';
import { test } from 'node:test';
import { XMLParser } from 'fast-xml-parser';
import { document, element, elementWith, escapeText, optional, plainDocument } from './xml.ts';

test('a document has the declaration and the S3 namespace', () => {
  assert.equal(
    document('ListBucketResult', element('Name', 'b'), element('KeyCount', 0)),
    '<?xml version="1.0" encoding="UTF-8"?>\n' +
      '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">' +
      '<Name>b</Name><KeyCount>0</KeyCount></ListBucketResult>',
  );
  assert.equal(
    plainDocument('Error', element('Code', 'X')).split('\n')[1],
    '<Error><Code>X</Code></Error>',
  );
});

test('undefined is left out, arrays are spread, booleans are words, empty stays an element', () => {
  assert.equal(
    element(
      'A',
      optional('Gone', undefined),
      ['x', 'y'].map((text) => element('E', text)),
      optional('Flag', false),
      element('Prefix', ''),
    ).markup,
    '<A><E>x</E><E>y</E><Flag>false</Flag><Prefix></Prefix></A>',
  );
});

test('XML out: CR as &#13;, controls as references', () => {
  assert.equal(escapeText('a\rb'), 'a&#13;b');
  assert.equal(escapeText('\u0001\u000b\u001f\u007f\u0085'), '&#1;&#11;&#31;&#127;&#133;');
  assert.equal(escapeText('\ufffe\uffff'), '&#65534;&#65535;');
  assert.equal(escapeText('tab\tand\nline'), 'tab\tand\nline');
});

test('markup characters are escaped, emoji and accents are not', () => {
  assert.equal(escapeText(`<&>"'`), `&lt;&amp;&gt;&quot;'`);
  assert.equal(escapeText('ä 😀 \u2028'), 'ä 😀 \u2028');
});

test('a lone surrogate becomes U+FFFD, never broken UTF-8', () => {
  assert.equal(escapeText('a\ud800b'), 'a\ufffdb');
  assert.equal(escapeText('\udc00'), '\ufffd');
  assert.equal(escapeText('😀\udc00'), '😀\ufffd');
});

test('every code unit is text, a reference, or part of a pair', () => {
  for (let code = 0; code <= 0xffff; code += 1) {
    const text = String.fromCharCode(code);
    const isControl = (code < 0x20 || (code > 0x7e && code < 0xa0)) && !'\t\n'.includes(text);
    const isSurrogate = code >= 0xd800 && code < 0xe000;
    if ('&<>"'.includes(text)) assert.match(escapeText(text), /^&(?:amp|lt|gt|quot);$/);
    else if (isSurrogate) assert.equal(escapeText(text), '\ufffd');
    else if (isControl || code >= 0xfffe) assert.equal(escapeText(text), `&#${code};`);
    else assert.equal(escapeText(text), text);
  }
});

test('attributes are escaped, tab and LF too', () => {
  assert.equal(
    elementWith('G', { 'xsi:type': 'a"b\n<' }, 'x').markup,
    '<G xsi:type="a&quot;b&#10;&lt;">x</G>',
  );
});

test('XML out is read back by another parser', () => {
  const parser = new XMLParser({ parseTagValue: false, trimValues: false });
  for (const key of ['0123', '1e3', 'true', ' a ', '<&>"\'', '__prot', 'ä😀', ']]>']) {
    const parsed = parser.parse(document('R', element('Key', key))) as { R: { Key: string } };
    assert.equal(parsed.R.Key, key);
  }
});
