/** The configuration file: what libconfig reads, and what an entity takes of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type ConfigValue, LibconfigError, parseLibconfig } from './libconfig.ts';
import { readSettings } from './settings.ts';

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
    assert.throws(() => parseLibconfig(text), { name: 'LibconfigError', message }, text);
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

const original = `
vmanager: { host = "vm.cluster"; service = "2222"; };
pmanager: { host = "pm.cluster"; service = "1111"; };
provider: {
  service = "1235"; cacheslots = 1024; urate = 100;
  dbname = "/tmp/provider.db";
  space = 4096; sync = 100; retry = 1; deduplication = false; ft_engine = "replication";
};
sdht: { cacheslots = 1000000; dbname = ""; space = 128; sync = 10; compression = false; };
dht: { service = "1234"; gateways = ( "a", "b" ); replication = 1; timeout = 10; cachesize = 1048576; };
`;

test("each role takes its own of the original's file and says what has no effect", () => {
  const data = readSettings(original, 'data-provider');
  assert.deepEqual(data.providerManager, { host: 'pm.cluster', port: 1111 });
  assert.equal(data.port, 1235);
  assert.equal(data.spaceBytes, 4096 * 2 ** 20);
  assert.ok(data.ignored.includes('line 5: provider.urate (reports are sent every second)'));
  assert.equal(data.ignored.length, 7);
  const metadata = readSettings(original, 'metadata-provider');
  assert.deepEqual([metadata.port, metadata.spaceBytes], [1234, 128 * 2 ** 20]);
  assert.equal(metadata.ignored.length, 4);
  assert.equal(readSettings(original, 'version-manager').port, 2222);
  assert.deepEqual(readSettings(original, 'provider-manager').ignored, [
    'line 3: pmanager.host (for clients; give --listen the address to listen on)',
  ]);
});

test('settings that are missing or make no sense are named with their line', () => {
  for (const [from, to, message] of [
    ['service = "2222"', 'service = 2222', /^line 2: vmanager.service must be a string in quotes/],
    ['service = "2222"', 'service = "x"', /^line 2: vmanager.service must be a port in quotes/],
    ['service = "2222"', 'service = "65536"', /^line 2: vmanager.service must be a port/],
    ['service = "2222";', '', /^line 2: vmanager.service is missing/],
  ] as const) {
    const text = original.replace(from, to);
    assert.throws(() => readSettings(text, 'version-manager'), {
      kind: 'invalid-argument',
      message,
    });
  }
  for (const space of ['"4"', '0', '1.5']) {
    const text = original.replace('space = 4096', `space = ${space}`);
    assert.throws(() => readSettings(text, 'data-provider'), /line 7: provider.space must be/);
  }
});
