/** The fuzz test at a size for every run, from fixed seeds; run.ts says how to run it at full size. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fuzz } from './run.ts';

const requests = 2000;

test('no request crashes the gateway, hangs, is answered 5xx or leaves anything behind', async (t) => {
  const report = await fuzz({ requests, seed: 20_260_801, lanes: 4 });
  t.diagnostic(JSON.stringify(report));
  assert.ok(report.requests >= requests);
  // It got past signatures, into the calls, and into their refusals: otherwise it tested nothing.
  assert.ok(report.verified > requests / 50, `${report.verified} held against what is stored`);
  for (const operation of ['PutObject', 'CopyObject', 'GetObject', 'DeleteObjects', 'UploadPart']) {
    assert.ok((report.served[operation] ?? 0) > 5, `${operation} served`);
  }
  assert.ok((report.served.CompleteMultipartUpload ?? 0) > 0, 'uploads completed');
  const codes = new Set(Object.keys(report.answers).map((name) => name.split(' ')[1]));
  for (const code of ['MalformedXML', 'InvalidURI', 'NoSuchVersion', 'SignatureDoesNotMatch']) {
    assert.ok(codes.has(code), `${code} answered`);
  }
});
