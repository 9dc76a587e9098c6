import assert from 'node:assert/strict';
import {
  linkSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { prepareDatabaseFile } from './database-file.ts';
import { Environment } from './environment.ts';

function withDirectory(run: (directory: string, file: string) => void | Promise<void>) {
  return async () => {
    const directory = mkdtempSync(path.join(tmpdir(), 'database-file-'));
    try {
      await run(directory, path.join(directory, 'a.mdb'));
    } finally {
      rmSync(directory, { recursive: true });
    }
  };
}

/** What LMDB has made. */
async function database(): Promise<Buffer> {
  let bytes = Buffer.alloc(0);
  await withDirectory(async (_, file) => {
    await new Environment({ file }).close();
    bytes = readFileSync(file);
  })();
  return bytes;
}

const whole = await database();

test(
  'a file has its name when it has been made, and is left alone afterwards',
  withDirectory((directory, file) => {
    const make = (unnamed: string) => {
      writeFileSync(unnamed, whole);
      writeFileSync(`${unnamed}-lock`, '');
      assert.equal(readdirSync(directory).includes('a.mdb'), false);
    };
    prepareDatabaseFile({ file, make });
    assert.deepEqual(readdirSync(directory), ['a.mdb']);
    prepareDatabaseFile({ file, make: () => assert.fail('it is there') });
  }),
);

test(
  'of two that make it the first one stands, even where it took the other for a leftover',
  withDirectory((directory, file) => {
    const make = (unnamed: string) => {
      writeFileSync(file, whole);
      rmSync(unnamed, { force: true });
    };
    prepareDatabaseFile({ file, make });
    assert.deepEqual(readdirSync(directory), ['a.mdb']);
  }),
);

test(
  'what a crash left is never opened, and is removed',
  withDirectory((directory, file) => {
    writeFileSync(`${file}.new-1`, 'half');
    prepareDatabaseFile({ file, make: (unnamed) => writeFileSync(unnamed, whole) });
    assert.deepEqual(readdirSync(directory), ['a.mdb']);
    linkSync(file, `${file}.new-2`); // it was killed behind the link
    writeFileSync(`${file}.new-2-lock`, '');
    prepareDatabaseFile({ file, make: () => assert.fail('it is there') });
    assert.deepEqual(readdirSync(directory), ['a.mdb']);
  }),
);

test(
  'what cannot be made leaves nothing',
  withDirectory((directory, file) => {
    const make = (unnamed: string) => {
      writeFileSync(unnamed, 'half');
      throw new Error('no');
    };
    assert.throws(() => prepareDatabaseFile({ file, make }), /no/);
    assert.deepEqual(readdirSync(directory), []);
  }),
);

test(
  'where links cannot be had it is made in its place; where the disk fails it is not',
  withDirectory((directory, file) => {
    const failing = (code: string) => () => {
      throw Object.assign(new Error(code), { code, syscall: 'link' });
    };
    const make = (unnamed: string) => writeFileSync(unnamed, whole);
    assert.throws(() => prepareDatabaseFile({ file, make, link: failing('EIO') }), /EIO/);
    assert.deepEqual(readdirSync(directory), []);
    prepareDatabaseFile({ file, make, link: failing('EPERM') });
    assert.deepEqual(readdirSync(directory), ['a.mdb']);
    assert.deepEqual(readFileSync(file), whole);
  }),
);

test(
  'an error instead of a dead process for what is no database',
  withDirectory(async (_, file) => {
    const damaged: ((bytes: Buffer) => void)[] = [
      () => writeFileSync(file, 'text'),
      () => writeFileSync(file, Buffer.alloc(12_288)),
      () => truncateSync(file, 4096),
      (bytes) => writeFileSync(file, bytes.fill(0, 0, 4096)),
      (bytes) => writeFileSync(file, bytes.fill(0, 4096, 8192)),
    ];
    for (const damage of damaged) {
      writeFileSync(file, whole);
      damage(Buffer.from(whole));
      assert.throws(() => new Environment({ file }), /its beginning is damaged/);
    }
    writeFileSync(file, whole);
    await new Environment({ file }).close();
  }),
);

test(
  'where it is made, LMDB is closed and knows the file by its name alone',
  withDirectory(async (directory, file) => {
    const environment = new Environment({ file });
    const maps = readFileSync('/proc/self/maps', 'utf8');
    assert.deepEqual(readdirSync(directory).sort(), ['a.mdb', 'a.mdb-lock']);
    assert.equal(maps.includes('.new-'), false);
    await environment.close();
  }),
);
