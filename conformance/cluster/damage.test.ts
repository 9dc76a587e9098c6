/**
 * A byte that changed on a data provider's disk is never served (I4): as long as another provider has the
 * page as it was, clients notice nothing, and `check` names the copy that is damaged.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, test } from 'node:test';
import { damage } from '../durability/damage.ts';
import { BlobSeer } from '../harness/blobseer.ts';
import { Gateway } from '../harness/gateway.ts';
import { type RawRequest, type RawResponse, send } from '../harness/http.ts';

test('a damaged copy of a page is passed over, and named by check; when all are damaged the read fails', async () => {
  const blobseer = await BlobSeer.start({ metadataProviders: 1, dataProviders: 2, replication: 1 });
  after(() => blobseer.remove());
  const env = { ...blobseer.environment, BLOBSEER_S3_REPLICATION: '2' };
  const gateway = await Gateway.start({ env });
  after(() => gateway.remove());
  const { endpoint, credentials } = gateway;
  const call = (request: RawRequest) =>
    send({ endpoint, credentials, region: 'us-east-1' }, request);
  const body = randomBytes(3_000_000);
  await call({ method: 'PUT', path: '/damage' });
  for (const key of ['hurt', 'whole']) {
    const bytes = key === 'hurt' ? body : randomBytes(3_000_000);
    const put = await call({ method: 'PUT', path: `/damage/${key}`, body: bytes });
    assert.equal(put.status, 200, put.text);
  }
  const marker = body.subarray(1_500_000, 1_500_064);

  const [first, second] = blobseer.dataProviders;
  assert.ok(first !== undefined && second !== undefined);
  assert.ok(damage(first.dataDirectory, marker), 'both have all pages');
  for (let read = 0; read < 4; read += 1) {
    assert.ok((await call({ path: '/damage/hurt' })).body.equals(body), 'the other copy is served');
  }
  const check = await gateway.check();
  assert.equal(check.status, 1, check.output);
  assert.match(check.output, new RegExp(`${first.host}:${first.port}`), 'names the copy');
  assert.match(check.output, /^problems +1$/m);

  assert.ok(damage(second.dataDirectory, marker));
  let answer: RawResponse | undefined;
  try {
    answer = await call({ path: '/damage/hurt' });
  } catch {
    // The connection was broken off: bytes had been sent before the damaged page was read.
  }
  if (answer !== undefined) assert.ok(answer.status >= 500, 'an error, not wrong bytes');
  assert.equal((await call({ path: '/damage/whole' })).body.length, 3_000_000);
});
