import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { listingEncoder } from './encoding.ts';
import { type ByteRange, closeDocument, MarkupBytes } from './markup-bytes.ts';
import { document, element, escapeText } from './xml.ts';

function written(write: (into: MarkupBytes) => void): string {
  const into = new MarkupBytes();
  write(into);
  const text = into.written().toString();
  into.giveBack();
  return text;
}

/** Amid other bytes, as a key lies in its row. */
function rangeOf(text: string): ByteRange {
  const bytes = Buffer.from(`<${text}>`);
  return { bytes, start: 1, end: bytes.length - 1 };
}

/** Well-formed, as all that was stored. */
const text = fc
  .oneof(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'binary' }), fc.string())
  .map((string) => Buffer.from(string).toString());

test('texts in UTF-8 are escaped and encoded as strings are, whatever is in them', () => {
  const encode = listingEncoder('url');
  fc.assert(
    fc.property(text, (string) => {
      const range = rangeOf(string);
      assert.equal(
        written((into) => into.utf8(range)),
        escapeText(string),
      );
      assert.equal(
        written((into) => into.text(string)),
        escapeText(string),
      );
      assert.equal(
        written((into) => into.uri(range)),
        encode(string),
      );
    }),
    { numRuns: 1000 },
  );
});

test('every character is escaped and encoded as in a string', () => {
  const encode = listingEncoder('url');
  for (let code = 0; code <= 0x10ffff; code += code < 0x10000 ? 1 : 0xfff) {
    if (code >= 0xd800 && code < 0xe000) continue;
    const string = `a${String.fromCodePoint(code)}b`;
    const both = written((into) => {
      into.utf8(rangeOf(string));
      into.uri(rangeOf(string));
    });
    assert.equal(both, escapeText(string) + encode(string));
  }
});

test('digests and sizes are told as strings tell them', () => {
  fc.assert(
    fc.property(fc.uint8Array(), fc.maxSafeNat(), (bytes, size) => {
      const digest = bytes.subarray(bytes.length % 2);
      const line = written((into) => {
        into.raw(Buffer.from(`<A>${'0'.repeat(2 * digest.length)}</A>`));
        into.hexOver({ bytes: digest, start: 0, end: digest.length }, '</A>'.length);
        into.integer(size);
      });
      assert.equal(line, `<A>${Buffer.from(digest).toString('hex')}</A>${size}`);
    }),
  );
  for (let power = 1; power <= Number.MAX_SAFE_INTEGER; power *= 10) {
    for (const size of [power - 1, power, power + 1]) {
      assert.equal(
        written((into) => into.integer(size)),
        String(size),
      );
    }
  }
});

/** Short ones, and such as take more than the room in front. */
const opening = fc.constantFrom('ä', '&'.repeat(2000), '');

test('a document around lines is the document of the same elements', () => {
  fc.assert(
    fc.property(
      fc.array(text, { maxLength: 50 }),
      fc.array(text),
      opening,
      (keys, prefixes, name) => {
        const [keyLines, prefixLines] = [keys, prefixes].map((names) => {
          const lines = new MarkupBytes();
          for (const name of names) {
            lines.raw(Buffer.from('<E>'));
            lines.utf8(rangeOf(name));
            lines.raw(Buffer.from('</E>'));
          }
          return lines;
        });
        assert.ok(keyLines !== undefined && prefixLines !== undefined);
        const before = [element('Name', name)];
        const elements = [...keys, ...prefixes].map((name) => element('E', name));
        closeDocument('R', before, keyLines, prefixLines);
        assert.equal(keyLines.written().toString(), document('R', before, elements));
        keyLines.giveBack();
      },
    ),
  );
});

test('what is longer than its buffer is whole', () => {
  const long = 'ä<'.repeat(200_000);
  const twice = written((into) => {
    into.utf8(rangeOf('a'.repeat(100_000)));
    into.utf8(rangeOf(long));
    into.text(long);
  });
  assert.equal(twice, 'a'.repeat(100_000) + escapeText(long).repeat(2));
});
