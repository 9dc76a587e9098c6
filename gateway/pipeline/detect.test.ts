import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { signedNames } from '../auth/sigv2.ts';
import { operations } from '../operations/index.ts';
import type { Level, Operation } from '../operations/operation.ts';
import { detect, detectTable } from './detect.ts';

const table = detectTable(operations);

/** The name of the row, or 405. */
function detected(method: string, level: Level, query: string[] = [], headers: string[] = []) {
  const result = detect(table, {
    method,
    level,
    hasQuery: (name) => query.includes(name),
    hasHeader: (name) => headers.includes(name),
  });
  return result.kind === 'operation' ? result.operation.name : 405;
}

describe('the real table', () => {
  for (const [method, level, query, header, expected] of [
    ['GET', 'service', '', '', 'ListBuckets'],
    ['PUT', 'object', '', '', 'PutObject'],
    ['PUT', 'object', '', 'x-amz-copy-source', 'CopyObject'],
    ['PUT', 'object', 'partNumber uploadId', '', 'UploadPart'],
    ['PUT', 'object', 'partNumber uploadId', 'x-amz-copy-source', 'UploadPartCopy'],
    ['GET', 'object', 'partNumber versionId', '', 'GetObject'],
    ['GET', 'object', 'uploadId max-parts', '', 'ListParts'],
    ['POST', 'object', 'uploadId', '', 'CompleteMultipartUpload'],
    ['GET', 'bucket', 'prefix delimiter', '', 'ListObjects'],
    ['GET', 'bucket', 'list-type prefix x-id', '', 'ListObjectsV2'],
    ['GET', 'bucket', 'metrics id', '', 'GetBucketMetricsConfiguration'],
    ['GET', 'bucket', 'metrics', '', 'ListBucketMetricsConfigurations'],
    ['PUT', 'bucket', 'new-thing-of-2030', '', 'CreateBucket'],
    ['DELETE', 'object', 'x-id', '', 'DeleteObject'],
    ['HEAD', 'bucket', 'versioning', '', 'HeadBucket'],
    // A sub-resource without that method must not become the plain operation.
    ['DELETE', 'bucket', 'versioning', '', 405],
    ['PUT', 'bucket', 'location', '', 405],
    ['DELETE', 'object', 'acl', '', 405],
    ['PUT', 'object', 'uploadId', '', 405],
    ['PATCH', 'object', '', '', 405],
    ['POST', 'service', 'Action', '', 405],
  ] as const) {
    test(`${method} ${level} ?${query} ${header} is ${expected}`, () => {
      const words = (text: string) => (text === '' ? [] : text.split(' '));
      assert.equal(detected(method, level, words(query), words(header)), expected);
    });
  }

  test('is total: never throws, and finds every row by exactly what it asks for', () => {
    for (const { name, method, level, query, header } of operations) {
      const headers = header === undefined ? [] : [header];
      assert.equal(detected(method, level, [...(query ?? [])], headers), name);
    }
  });
});

test('the order of the rows does not matter', () => {
  const reversed = detectTable([...operations].reverse());
  const input = {
    method: 'PUT',
    level: 'object',
    hasQuery: (name: string) => name === 'partNumber' || name === 'uploadId',
    hasHeader: () => true,
  } as const;
  const found = detect(reversed, input);
  assert.equal(found.kind === 'operation' && found.operation.name, 'UploadPartCopy');
});

test('405 names the methods that there are, of the sub-resource where one is asked for', () => {
  const allowed = (method: string, level: Level, query: string[]) => {
    const result = detect(table, {
      method,
      level,
      hasQuery: (name) => query.includes(name),
      hasHeader: () => false,
    });
    assert.equal(result.kind, 'method-not-allowed');
    return result.kind === 'method-not-allowed' ? result.allowed : [];
  };
  assert.deepEqual(allowed('POST', 'service', []), ['GET', 'OPTIONS']);
  assert.deepEqual(allowed('DELETE', 'bucket', ['versioning']), ['GET', 'PUT']);
});

test('an empty table allows nothing', () => {
  const none: readonly Operation[] = [];
  const input = {
    method: 'GET',
    level: 'bucket',
    hasQuery: () => false,
    hasHeader: () => false,
  } as const;
  assert.deepEqual(detect(detectTable(none), input), { kind: 'method-not-allowed', allowed: [] });
});

test('version 2 must sign every parameter that chooses an operation', () => {
  for (const { name, query = [] } of operations) {
    const [first] = query;
    if (first === undefined || first === 'list-type') continue;
    assert.ok(table.choosing.has(first) || signedNames.has(first), `${name}: ${first}`);
  }
  assert.ok(!table.choosing.has('list-type'), 'no client signs it');
});
