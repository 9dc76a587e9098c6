import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { headerName, trimBlanks, unsendable } from './headers.ts';

test('blanks and tabs around a value go, and nothing else', () => {
  assert.equal(trimBlanks(' \ta \t b\t '), 'a \t b');
  assert.equal(trimBlanks('\u00a0voil\u00c3\u00a0'), '\u00a0voil\u00c3\u00a0');
  assert.equal(trimBlanks('\r\n'), '\r\n');
  assert.equal(trimBlanks(' \t '), '');
  assert.equal(trimBlanks(''), '');
});

test('it is what a regular expression says that is too slow for the wire', () => {
  const text = fc.string({ unit: fc.constantFrom(' ', '\t', 'a', '\u00a0') });
  fc.assert(
    fc.property(text, (value) => {
      assert.equal(trimBlanks(value), value.replace(/^[ \t]+|[ \t]+$/g, ''));
    }),
  );
});

test('names and values that a header can have', () => {
  for (const name of ['x-amz-acl', 'A', "!#$%&'*+.^_`|~"]) assert.match(name, headerName);
  for (const name of ['', 'a b', 'a:b', 'a=b', 'ä', 'a\n']) assert.doesNotMatch(name, headerName);
  assert.doesNotMatch('a\tb \u00e4', unsendable);
  for (const value of ['a\nb', 'a\rb', '\0', '\u007f', '\u20ac']) assert.match(value, unsendable);
});
