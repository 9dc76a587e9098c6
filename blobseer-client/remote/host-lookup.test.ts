import assert from 'node:assert/strict';
import type { LookupAddress } from 'node:dns';
import { test } from 'node:test';
import { rememberingLookup } from './host-lookup.ts';

const addresses: LookupAddress[] = [
  { address: '::1', family: 6 },
  { address: '127.0.0.1', family: 4 },
];

test('a name is resolved once in a while, IPv4 first; failures are not remembered', async () => {
  let nowMs = 0;
  let asked = 0;
  let answer: LookupAddress[] | Error = addresses;
  const lookup = rememberingLookup(
    () => nowMs,
    (_, done) => {
      asked++;
      if (answer instanceof Error) done(answer, []);
      else done(null, answer);
    },
  );
  const ask = (name: string, all: boolean) =>
    new Promise((resolve, reject) => {
      lookup(name, { all }, (error, found) => (error ? reject(error) : resolve(found)));
    });
  assert.equal(await ask('sdht-1', false), '127.0.0.1');
  assert.deepEqual(await ask('sdht-1', true), [addresses[1], addresses[0]]);
  assert.equal(asked, 1);
  nowMs = 30_000;
  answer = new Error('no name server');
  await assert.rejects(ask('sdht-1', false), /no name server/);
  answer = [];
  await assert.rejects(ask('sdht-1', false), /no address of sdht-1/);
  answer = addresses;
  assert.equal(await ask('sdht-1', false), '127.0.0.1');
  assert.equal(asked, 4);
});
