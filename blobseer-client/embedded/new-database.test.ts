import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { makeDatabase } from './new-database.ts';

const directory = mkdtempSync(path.join(tmpdir(), 'new-database-'));
after(() => rmSync(directory, { recursive: true }));
const file = path.join(directory, 'a.mdb');

test('a file has its name when it has been made, and is left alone afterwards', () => {
  makeDatabase(file, (unnamed) => {
    writeFileSync(unnamed, 'first');
    writeFileSync(`${unnamed}-lock`, '');
    assert.equal(readdirSync(directory).includes('a.mdb'), false);
  });
  assert.deepEqual(readdirSync(directory), ['a.mdb']);
  makeDatabase(file, () => assert.fail('it is there'));
});

test('of two that make it the first one stands', () => {
  const contested = path.join(directory, 'b.mdb');
  makeDatabase(contested, (unnamed) => {
    writeFileSync(unnamed, 'mine');
    writeFileSync(contested, 'of another process');
  });
  assert.equal(readFileSync(contested, 'utf8'), 'of another process');
  assert.deepEqual(readdirSync(directory), ['a.mdb', 'b.mdb']);
});

test('what cannot be made leaves nothing', () => {
  const failing = path.join(directory, 'c.mdb');
  const make = (unnamed: string) => {
    writeFileSync(unnamed, 'half');
    throw new Error('no');
  };
  assert.throws(() => makeDatabase(failing, make), /no/);
  assert.deepEqual(readdirSync(directory), ['a.mdb', 'b.mdb']);
});
