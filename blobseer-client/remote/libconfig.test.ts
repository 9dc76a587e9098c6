/** What libconfig reads. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type ConfigValue, LibconfigError, parseLibconfig } from './libconfig.ts';

function plain(value: ConfigValue): unknown {
  if (value.kind === 'scalar') return value.value;
  if (value.kind === 'list') return value.items.map(plain);
  return Object.fromEntries([...value.settings].map(([name, inner]) => [name, plain(inner)]));
}

test('groups, lists, arrays, scalars and comments are read', () => {
  const text = `# one
    name = "a" /* two
    lines */ "b\\n\\x41\\"";  // three
    group : { inner = { deep = 1 }; empty = {}; }
    list = ( 1, "x", ( true, FALSE ), { a = -2; }, ); none = ();
    array = [ 0x1F, 5L, +7, 1.5e3 ], half = .5
  `;
  assert.deepEqual(plain(parseLibconfig(text)), {
    name: 'ab\nA"',
    group: { inner: { deep: 1 }, empty: {} },
    list: [1, 'x', [true, false], { a: -2 }],
    none: [],
    array: [31, 5, 7, 1500],
    half: 0.5,
  });
  assert.deepEqual(plain(parseLibconfig('')), {});
});

test('what libconfig would not read is an error with its line', () => {
  for (const [text, message] of [
    ['a = 1;\nb 2;', 'line 2: "2" where "=" after b is expected'],
    ['a = ;', 'line 1: ";" where a value is expected'],
    ['a = {\n b = 1;\n', 'line 3: the end of the file where the name of a setting is expected'],
    ['a = (1 2)', 'line 1: "2" where "," or ")" is expected'],
    ['a = [ {} ]', 'line 1: an array holds only strings, numbers or booleans'],
    ['a = 1;\n\na = 2;', 'line 3: a is set a second time'],
    ['a = "b', 'line 1: ""b" makes no sense here'],
    ['a = "\\q";', 'line 1: no such escape: \\q'],
    ['@include "x"', 'line 1: @include is not taken: put all settings into one file'],
    ['a = 12x;', 'line 1: "12x;" makes no sense here'],
    [`a = ${'('.repeat(99)}`, 'line 1: nested too deeply'],
  ] as const) {
    assert.throws(() => parseLibconfig(text), { kind: 'invalid-argument', message }, text);
  }
});

test('any text is read or refused, in one piece', () => {
  const letters = fc.constantFrom(...'ab={}()[];:,"\\#/* \n1.x@-', 'true', '0x', '//');
  fc.assert(
    fc.property(fc.array(letters, { maxLength: 40 }), (pieces) => {
      try {
        parseLibconfig(pieces.join(''));
      } catch (error) {
        assert.ok(error instanceof LibconfigError, `${error}`);
      }
    }),
  );
});
