/**
 * A byte that changed on the disk is never served (I4): the read fails, everything else goes on, and
 * `check` tells what is damaged.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, test } from 'node:test';
import { isOnBlobSeer } from '../harness/blobseer.ts';
import { Gateway } from '../harness/gateway.ts';
import { type RawRequest, type RawResponse, send } from '../harness/http.ts';
import { damage } from './damage.ts';

const bucket = 'damage';

const skip =
  isOnBlobSeer && "no page is in the data directory; conformance/cluster damages a provider's copy";

for (const [what, size] of [
  ['a large object (page file)', 3_000_000],
  ['a small object (in LMDB)', 20_000],
] as const) {
  test(`a damaged byte of ${what} is detected on read and named by check`, { skip }, async () => {
    const gateway = await Gateway.start();
    after(() => gateway.remove());
    const call = (request: RawRequest) =>
      send(
        { endpoint: gateway.endpoint, credentials: gateway.credentials, region: 'us-east-1' },
        request,
      );
    const body = randomBytes(size);
    const other = randomBytes(size);
    await call({ method: 'PUT', path: `/${bucket}` });
    for (const [key, bytes] of [
      ['hurt', body],
      ['whole', other],
    ] as const) {
      const put = await call({ method: 'PUT', path: `/${bucket}/${key}`, body: bytes });
      assert.equal(put.status, 200, put.text);
    }
    assert.equal(await gateway.stop(), 0);
    assert.equal((await gateway.check()).status, 0);
    assert.ok(damage(gateway.dataDirectory, body.subarray(size >> 1, (size >> 1) + 64)));

    const check = await gateway.check();
    assert.notEqual(check.status, 0, 'check must not be clean');
    assert.match(check.output, /damaged/);

    await gateway.start();
    let answer: RawResponse | undefined;
    try {
      answer = await call({ path: `/${bucket}/hurt` });
    } catch {
      // The connection was broken off: bytes had been sent before the damaged page was read.
    }
    if (answer !== undefined) assert.equal(answer.status, 500, 'an error, not wrong bytes');
    assert.ok((await call({ path: `/${bucket}/whole` })).body.equals(other), 'others are served');
    await gateway.stop();
    assert.match(gateway.log(), /damaged/, 'the log tells');
  });
}
