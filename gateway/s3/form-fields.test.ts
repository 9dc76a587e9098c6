// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${filename} is S3's own variable.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { S3Error } from './errors.ts';
import { baseName, headersOfForm, keyField, successAction, withFileName } from './form-fields.ts';
import { userMetadata } from './metadata.ts';
import { parseTagging } from './tagging.ts';

const fieldsOf = (fields: Readonly<Record<string, string>>) => new Map(Object.entries(fields));

function failsWith(code: string) {
  return (error: unknown): boolean => error instanceof S3Error && error.code === code;
}

test('a file name is what stands behind the last slash or backslash', () => {
  for (const [given, name] of [
    [undefined, ''],
    ['', ''],
    ['a.txt', 'a.txt'],
    ['/a/b.txt', 'b.txt'],
    ['C:\\a\\b.txt', 'b.txt'],
    ['a/b\\c', 'c'],
    ['a\\b/c', 'c'],
    ['a/', ''],
    ['a\nb/c\nd', 'c\nd'],
  ] as const) {
    assert.equal(baseName(given), name);
  }
  fc.assert(
    fc.property(
      fc.string(),
      (path) => !/[/\\]/.test(baseName(path)) && path.endsWith(baseName(path)),
    ),
  );
});

test('${filename} is replaced once, in every field but what is signed', () => {
  fc.assert(
    fc.property(
      fc.constantFrom('f', '$&', '$1', '$$', '${filename}', '$`', ''),
      fc.string(),
      (name, text) => {
        const value = `${text}\${filename}-\${filename}`;
        const fields = withFileName(fieldsOf({ key: value, acl: value, policy: value }), name);
        const expected = value.split('${filename}').join(name);
        assert.deepEqual([...fields.values()], [expected, expected, value]);
      },
    ),
  );
});

test('the key', () => {
  assert.equal(keyField(fieldsOf({ key: ' a ' })), ' a ');
  assert.throws(() => keyField(fieldsOf({})), failsWith('InvalidArgument'));
  assert.throws(() => keyField(fieldsOf({ key: '' })), failsWith('InvalidArgument'));
});

test('only fields about the object become headers', () => {
  const headers = headersOfForm(
    fieldsOf({
      key: 'k',
      policy: 'p',
      range: 'bytes=0-1',
      host: 'h',
      'transfer-encoding': 'x',
      'content-length': '1',
      'x-amz-date': 'd',
      'x-amz-security-token': 't',
      'x-amz-trailer': 'x-amz-checksum-crc32',
      'x-amz-meta-a': 'b',
      'content-type': 't/t',
      acl: 'private',
    }),
  );
  assert.deepEqual(headers.withPrefix(''), [
    ['x-amz-meta-a', 'b'],
    ['content-type', 't/t'],
    ['x-amz-acl', 'private'],
  ]);
});

test('text comes back from metadata as it was', () => {
  const plain = fc
    .string({ unit: 'grapheme', maxLength: 50 })
    .filter((text) => !text.includes('=?'));
  fc.assert(
    fc.property(plain, (text) => {
      const headers = headersOfForm(fieldsOf({ 'x-amz-meta-a': text }));
      assert.deepEqual(userMetadata(headers), { a: text });
    }),
  );
});

test('tags of the document become those of the header', () => {
  const tagging =
    '<Tagging><TagSet><Tag><Key>a b</Key><Value>1+1=2</Value></Tag><Tag><Key>ä</Key><Value></Value></Tag></TagSet></Tagging>';
  const header = headersOfForm(fieldsOf({ tagging })).get('x-amz-tagging');
  assert.deepEqual(parseTagging(header), { 'a b': '1+1=2', ä: '' });
  for (const broken of ['', 'a=b', '<Tagging>', '<Tagging/>', '<TagSet/>']) {
    assert.throws(() => headersOfForm(fieldsOf({ tagging: broken })), failsWith('MalformedXML'));
  }
});

test('control characters are refused where they would be answered as a header', () => {
  for (const name of ['content-type', 'expires', 'x-amz-website-redirect-location']) {
    for (const value of ['a\r\nb: c', 'a\0', '\x7f']) {
      assert.throws(() => headersOfForm(fieldsOf({ [name]: value })), failsWith('InvalidArgument'));
    }
  }
});

test('conditions are not passed over', () => {
  for (const name of ['if-match', 'if-none-match']) {
    assert.throws(() => headersOfForm(fieldsOf({ [name]: '*' })), failsWith('NotImplemented'));
  }
});

test('what is answered', () => {
  const kindOf = (fields: Readonly<Record<string, string>>) => {
    const action = successAction(fieldsOf(fields));
    return action.kind === 'redirect' ? action.url.href : action.status;
  };
  assert.equal(kindOf({}), 204);
  assert.equal(kindOf({ success_action_status: '201' }), 201);
  assert.equal(kindOf({ success_action_status: '0201' }), 204);
  assert.equal(
    kindOf({ success_action_redirect: 'http://a', success_action_status: '200' }),
    'http://a/',
  );
  assert.equal(kindOf({ redirect: 'https://a/b' }), 'https://a/b');
  assert.equal(
    kindOf({ redirect: 'https://a/', success_action_redirect: 'https://b/' }),
    'https://b/',
  );
  for (const url of ['', 'a', '//a', 'ftp://a', 'javascript:1', 'http://', 'http://[']) {
    assert.equal(kindOf({ success_action_redirect: url, success_action_status: '200' }), 200, url);
  }
  fc.assert(
    fc.property(fc.webUrl(), fc.string(), (url, rest) => {
      const action = successAction(fieldsOf({ redirect: `${url}${rest}` }));
      if (action.kind === 'redirect') assert.match(action.url.href, /^https?:\/\/[\x21-\x7e]+$/);
    }),
  );
});
