import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { S3Error } from '../s3/errors.ts';
import { formBoundary, maxFormBytes, openForm, type UploadForm } from './form-reader.ts';

const boundary = 'XyZ';

interface Part {
  readonly name: string;
  readonly value: string | Buffer;
  readonly fileName?: string;
  readonly header?: string;
}

function part({ name, value, fileName, header = '' }: Part): Buffer {
  const file = fileName === undefined ? '' : `; filename="${fileName}"`;
  const head = `--${boundary}\r\nContent-Disposition: form-data; name="${name}"${file}\r\n${header}\r\n`;
  return Buffer.concat([Buffer.from(head), Buffer.from(value as string), Buffer.from('\r\n')]);
}

const lastLine = Buffer.from(`--${boundary}--\r\n`);

function form(...parts: readonly Part[]): Buffer {
  return Buffer.concat([...parts.map(part), lastLine]);
}

async function* inPieces(bytes: Buffer, lengths: readonly number[]): AsyncGenerator<Buffer> {
  let at = 0;
  for (let index = 0; at < bytes.length; index += 1) {
    const length = Math.max(1, lengths[index % lengths.length] ?? 1);
    yield bytes.subarray(at, at + length);
    at += length;
  }
}

async function bytesOf({ file }: UploadForm): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of file) pieces.push(piece);
  return Buffer.concat(pieces);
}

async function read(bytes: Buffer, lengths: readonly number[] = [bytes.length]) {
  const opened = await openForm(inPieces(bytes, lengths), boundary);
  return {
    fields: Object.fromEntries(opened.fields),
    fileName: opened.fileName,
    file: (await bytesOf(opened)).toString('latin1'),
  };
}

function failsWith(code: string, fields: Readonly<Record<string, string>> = {}) {
  return (error: unknown): boolean => {
    assert.ok(error instanceof S3Error, String(error));
    assert.equal(error.code, code, error.message);
    for (const [name, value] of Object.entries(fields)) assert.equal(error.fields[name], value);
    return true;
  };
}

test('fields before the file, the file, nothing behind it', async () => {
  const bytes = form(
    { name: 'Key', value: 'kéy' },
    { name: 'empty', value: '' },
    { name: 'named', value: 'still a field', fileName: 'named', header: 'Content-Type: x/y\r\n' },
    { name: 'FILE', value: 'bytes', fileName: 'C:\\dir\\a b.txt', header: 'Content-Type: a/b\r\n' },
    { name: 'key', value: 'other' },
    { name: 'late', value: 'ignored' },
  );
  const expected = {
    fields: { key: 'kéy', empty: '', named: 'still a field' },
    fileName: 'C:\\dir\\a b.txt',
    file: 'bytes',
  };
  assert.deepEqual(await read(bytes), expected);
  assert.deepEqual(await read(bytes, [1]), expected);
});

test('a part named file is the file without a file name too, and an empty one is a file', async () => {
  assert.deepEqual(await read(form({ name: 'file', value: '' })), {
    fields: {},
    fileName: undefined,
    file: '',
  });
});

test('whatever bytes a file has, in whatever pieces they come, they come out', async () => {
  const nearBoundary = fc
    .array(
      fc.constantFrom(
        '\r',
        '\n',
        '\r\n',
        '-',
        '--',
        'XyZ',
        `\r\n--Xy`,
        `\r\n-`,
        `--${boundary}`,
        'a',
      ),
      { maxLength: 30 },
    )
    .map((pieces) => Buffer.from(pieces.join('')))
    .filter((bytes) => !`\r\n${bytes}`.includes(`\r\n--${boundary}`));
  const content = fc.oneof(nearBoundary, fc.uint8Array({ maxLength: 300 }).map(Buffer.from));
  await fc.assert(
    fc.asyncProperty(
      content,
      fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 8 }),
      async (value, lengths) => {
        const bytes = form({ name: 'key', value: 'k' }, { name: 'file', value, fileName: 'f' });
        const found = await read(bytes, lengths);
        assert.deepEqual(found, {
          fields: { key: 'k' },
          fileName: 'f',
          file: value.toString('latin1'),
        });
      },
    ),
    { numRuns: 300 },
  );
});

test('a form that breaks off anywhere is malformed, and nothing hangs', async () => {
  const whole = form(
    { name: 'key', value: 'k' },
    { name: 'file', value: 'some bytes', fileName: 'f' },
    { name: 'late', value: 'x' },
  );
  const complete = whole.length - 2; // the line break behind the last line is not needed
  for (let length = 0; length < complete; length += 1) {
    await assert.rejects(read(whole.subarray(0, length)), (error: unknown) => {
      const { code } = error as S3Error;
      // No file began: that it is missing may be all that can be said.
      assert.ok(code === 'MalformedPOSTRequest' || (code === 'InvalidArgument' && length < 60));
      return true;
    });
  }
  assert.equal((await read(whole.subarray(0, complete))).file, 'some bytes');
});

test('what is no form at all ends in an error', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.constantFrom(
          `--${boundary}`,
          `--${boundary}--`,
          '\r\n',
          '\r\n\r\n',
          '\n',
          'Content-Disposition: form-data; name="file"',
          'Content-Disposition: form-data; name="a"; filename="b"',
          'Content-Disposition: form-data',
          'Content-Disposition: attachment; name="file"',
          'Content-Type: multipart/mixed; boundary=in',
          'Content-Type: text/plain; charset=utf-16le',
          'x',
          '\0',
        ),
        { maxLength: 25 },
      ),
      fc.integer({ min: 1, max: 50 }),
      async (pieces, length) => {
        try {
          await read(Buffer.from(pieces.join('')), [length]);
        } catch (error) {
          assert.ok(error instanceof S3Error, String(error));
        }
      },
    ),
    { numRuns: 500 },
  );
});

test('exactly one file', async () => {
  const key = { name: 'key', value: 'k' };
  const file = { name: 'file', value: 'x', fileName: 'f' };
  await assert.rejects(
    read(form(key)),
    failsWith('InvalidArgument', { ArgumentName: 'file', ArgumentValue: '0' }),
  );
  for (const lengths of [[10_000], [1], [7]]) {
    await assert.rejects(
      read(form(key, file, file), lengths),
      failsWith('InvalidArgument', { ArgumentName: 'file', ArgumentValue: '2' }),
    );
  }
});

test('a field comes once, in whatever case it is written', async () => {
  const file = { name: 'file', value: 'x' };
  for (const second of ['key', 'KEY', 'kEy']) {
    await assert.rejects(
      read(form({ name: 'key', value: 'a' }, { name: second, value: 'b' }, file)),
      failsWith('InvalidArgument', { ArgumentName: second }),
    );
  }
  // The Kelvin sign is no k: it must not become one.
  const { fields } = await read(
    form({ name: '\u212aey', value: 'a' }, { name: 'key', value: 'b' }, file),
  );
  assert.deepEqual(fields, { '\u212aey': 'a', key: 'b' });
});

test('names with control characters, or none, are malformed', async () => {
  const file = { name: 'file', value: 'x' };
  for (const name of ['', 'a\0b', 'a\tb', 'a\x7f']) {
    await assert.rejects(
      read(form({ name, value: 'v' }, file)),
      failsWith('MalformedPOSTRequest'),
      JSON.stringify(name),
    );
  }
  const nameless = `--${boundary}\r\nContent-Disposition: form-data\r\n\r\nv\r\n`;
  await assert.rejects(
    read(Buffer.concat([Buffer.from(nameless), form(file)])),
    failsWith('MalformedPOSTRequest'),
  );
});

test('20 KB may stand before the file, not more, in one field or many', async () => {
  const file = { name: 'file', value: 'x'.repeat(100_000) };
  const small = await read(form({ name: 'a', value: 'v'.repeat(20_000) }, file));
  assert.equal(small.fields.a?.length, 20_000);
  assert.equal(small.file.length, 100_000);
  const tooLarge = failsWith('MaxPostPreDataLengthExceeded', {
    MaxPostPreDataLengthBytes: String(maxFormBytes),
  });
  await assert.rejects(read(form({ name: 'a', value: 'v'.repeat(20_480) }, file)), tooLarge);
  await assert.rejects(read(form({ name: 'v'.repeat(20_480), value: 'a' }, file)), tooLarge);
  const many = Array.from({ length: 10_000 }, (_, index) => ({ name: `f${index}`, value: '' }));
  await assert.rejects(read(form(...many, file), [1000]), tooLarge);
  await assert.rejects(read(Buffer.alloc(100_000, 'x'), [1000]), tooLarge);
});

test('what follows the file is read and forgotten, within bounds', async () => {
  const file = { name: 'file', value: 'x' };
  const after = { name: 'a', value: 'v'.repeat(1_000_000) };
  assert.deepEqual((await read(form(file, after), [50_000])).fields, {});
  await assert.rejects(
    read(form(file, after, { ...after, name: 'b' }), [50_000]),
    failsWith('MalformedPOSTRequest'),
  );
});

test('what follows the closing boundary is no part', async () => {
  const file = { name: 'file', value: 'x' };
  for (const lengths of [[1000], [50_000], [1_000_000]]) {
    const epilogue = Buffer.concat([
      form(file),
      form({ ...file, value: 'y' }),
      Buffer.alloc(90_000),
    ]);
    assert.equal((await read(epilogue, lengths)).file, 'x');
  }
});

test('an empty field right before the file is there', async () => {
  const bytes = form({ name: 'key', value: '' }, { name: 'file', value: '' });
  for (const lengths of [[1], [2], [3], [1000]]) {
    assert.deepEqual((await read(bytes, lengths)).fields, { key: '' });
  }
});

test('text is well formed, whatever its part says it is written in', async () => {
  const header = 'Content-Type: text/plain; charset=utf-16le\r\n';
  const half = Buffer.from([0x61, 0x00, 0x00, 0xd8]);
  const { fields } = await read(
    form({ name: 'key', value: half, header }, { name: 'file', value: 'x' }),
  );
  assert.deepEqual(fields, { key: 'a\ufffd' });
});

test('a broken source breaks the form', async () => {
  async function* broken() {
    yield form({ name: 'key', value: 'k' }, { name: 'file', value: 'bytes' }).subarray(0, 150);
    throw new S3Error('IncompleteBody');
  }
  const opened = await openForm(broken(), boundary);
  await assert.rejects(bytesOf(opened), failsWith('IncompleteBody'));
});

test('a file that nobody asks for is not read', async () => {
  let given = 0;
  async function* counted() {
    yield Buffer.concat([
      part({ name: 'key', value: 'k' }),
      part({ name: 'file', value: 'x' }).subarray(0, -2),
    ]);
    for (;;) {
      given += 1;
      yield Buffer.alloc(1000);
    }
  }
  const opened = await openForm(counted(), boundary);
  const file = opened.file[Symbol.asyncIterator]();
  assert.ok(given <= 1);
  for (let pieces = 0; pieces < 10; pieces += 1) await file.next();
  assert.ok(given <= 12, `${given} pieces were taken to give 10`);
});

test('boundaries', () => {
  assert.equal(formBoundary('multipart/form-data; boundary=abc'), 'abc');
  assert.equal(formBoundary('Multipart/Form-Data; charset=utf-8; Boundary="a b=c?"'), 'a b=c?');
  for (const type of [
    undefined,
    '',
    'text/plain',
    'multipart/mixed; boundary=a',
    'multipart/form-datax',
  ]) {
    assert.throws(() => formBoundary(type), failsWith('RequestIsNotMultiPartContent'), type);
  }
  const broken = [
    '',
    '; boundary=',
    '; boundary=""',
    '; boundary="a "',
    '; boundary=a; boundary=b',
  ];
  for (const end of [
    ...broken,
    `; boundary=${'a'.repeat(71)}`,
    '; boundary=a\\b',
    '; boundary=é',
  ]) {
    assert.throws(
      () => formBoundary(`multipart/form-data${end}`),
      failsWith('MalformedPOSTRequest'),
    );
  }
});
