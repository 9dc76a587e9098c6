import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as sdk from '@aws-sdk/client-s3';
import { detect, detectTable } from '../pipeline/detect.ts';
import { operations, operationTable } from './index.ts';

/** Two live on endpoints of their own; see actions.ts. */
const elsewhere = new Set(['ListDirectoryBuckets', 'WriteGetObjectResponse']);

test('every action of the current SDK has a row', () => {
  const actions = Object.keys(sdk)
    .filter((name) => name.endsWith('Command'))
    .map((name) => name.slice(0, -'Command'.length))
    .filter((name) => name !== '$' && !elsewhere.has(name));
  assert.ok(actions.length > 100);
  assert.deepEqual(
    actions.filter((name) => !(name in operationTable)),
    [],
  );
});

test('no two rows ask for the same, so that none hides another', () => {
  const seen = new Map<string, string>();
  for (const { name, level, alsoAt, method, query, header } of operations) {
    for (const each of [level, ...(alsoAt ?? [])]) {
      const demand = JSON.stringify([each, method, [...(query ?? [])].sort(), header]);
      assert.equal(seen.get(demand), undefined, `${name} and ${seen.get(demand)}`);
      seen.set(demand, name);
    }
  }
});

test('a request that meets exactly the demands of a row is detected as that row', () => {
  const table = detectTable(operations);
  for (const operation of operations) {
    const detected = detect(table, {
      method: operation.method,
      level: operation.level,
      hasQuery: (name) => operation.query?.includes(name) === true,
      hasHeader: (name) => operation.header === name,
    });
    assert.equal(detected.kind, 'operation');
    if (detected.kind === 'operation') assert.equal(detected.operation.name, operation.name);
  }
});

test('documents have limits, other bodies none', () => {
  for (const { name, body, maxDocumentBytes } of operations) {
    assert.equal(maxDocumentBytes !== undefined, body === 'xml', name);
  }
});
