import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { elementsOf, type FieldValue, MarkupBytes, quotedField } from './markup-bytes.ts';
import { document, documentAround, element } from './xml.ts';

const form = elementsOf('E', 'Key', quotedField('ETag'), 'Size', 'Flag', 'Owner');

function markupOf(...values: readonly FieldValue[]): string {
  const into = new MarkupBytes();
  into.add(form(...values));
  return into.finish().toString();
}

test('fields are left out where undefined, fragments are whole elements', () => {
  const owner = element('Owner', element('ID', 'i'));
  assert.equal(
    markupOf('<k>', 'e"', 5, true, owner),
    '<E><Key>&lt;k&gt;</Key><ETag>&quot;e&quot;&quot;</ETag><Size>5</Size><Flag>true</Flag><Owner><ID>i</ID></Owner></E>',
  );
  assert.equal(markupOf('', undefined, 0), '<E><Key></Key><Size>0</Size></E>');
});

test('bytes are those of the elements that the same values make, whatever is in them', () => {
  const text = fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.string({ unit: 'binary' }),
    fc.string(),
  );
  const line = fc.tuple(text, fc.nat(), text);
  fc.assert(
    fc.property(fc.array(line, { maxLength: 50 }), (lines) => {
      const into = new MarkupBytes();
      for (const [key, size, owner] of lines) {
        into.add(form(key, undefined, size, undefined, element('Owner', owner)));
      }
      const elements = lines.map(([key, size, owner]) =>
        element('E', element('Key', key), element('Size', size), element('Owner', owner)),
      );
      const [before, after] = [element('Name', 'b'), element('Last', 'ä')];
      assert.equal(
        documentAround('R', [before], into.finish(), [after]).toString(),
        document('R', before, elements, after),
      );
    }),
  );
});

test('what is longer than its buffer is whole', () => {
  const into = new MarkupBytes();
  const long = 'ä<'.repeat(200_000);
  for (const value of ['a'.repeat(100_000), long]) into.add(form(value));
  assert.equal(
    into.finish().toString().length,
    100_000 + 200_000 * 5 + 2 * '<E><Key></Key></E>'.length,
  );
});
