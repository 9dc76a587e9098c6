/** After all requests: the directory is whole, everything can be deleted, and no page is left. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Credentials, Gateway } from '../harness/gateway.ts';
import { type Endpoint, encodeRfc3986, type RawRequest, send } from '../harness/http.ts';
import { elements, textOf, textsOf } from '../harness/xml.ts';

const sweepTimeoutMs = 120_000;

/** `owners` of buckets: each can list its own only. */
export async function assertNothingLeft(
  gateway: Gateway,
  region: string,
  owners: readonly Credentials[],
): Promise<void> {
  await assertClean(gateway, 'after the requests');
  await gateway.start();
  for (const credentials of owners) {
    const target = { endpoint: gateway.endpoint, credentials, region };
    for (;;) {
      const buckets = textsOf((await call(target, { path: '/' })).text, 'Name');
      if (buckets.length === 0) break;
      for (const bucket of buckets) await remove(target, bucket);
    }
  }
  const deadline = Date.now() + sweepTimeoutMs;
  for (;;) {
    const left = pageFiles(gateway.dataDirectory);
    if (left.length === 0) break;
    if (Date.now() > deadline) assert.fail(`page files are left: ${left.slice(0, 5).join()}`);
    await delay(200);
  }
  await assertClean(gateway, 'after all was deleted');
}

async function call(target: Endpoint, request: RawRequest) {
  const answer = await send(target, request);
  assert.ok(answer.status < 300, `${request.method} ${request.path}: ${answer.text}`);
  return answer;
}

/** Every version and marker, then the bucket; that ends the uploads which are still open. */
async function remove(target: Endpoint, bucket: string): Promise<void> {
  for (;;) {
    const path = `/${bucket}?encoding-type=url&versions`;
    const { text } = await call(target, { path });
    const found = [...elements(text, 'Version'), ...elements(text, 'DeleteMarker')].map((each) => ({
      key: textOf(each, 'Key') ?? '',
      versionId: textOf(each, 'VersionId') ?? '',
    }));
    if (found.length === 0) break;
    const plain = found.filter(({ key }) => /^[A-Za-z0-9/._-]+$/.test(key));
    if (plain.length > 0) await removeTogether(target, bucket, plain);
    // Keys that no document can hold: their encoded form is a path.
    for (const { key, versionId } of found.filter((each) => !plain.includes(each))) {
      const query = `versionId=${encodeRfc3986(versionId)}`;
      await call(target, { method: 'DELETE', path: `/${bucket}/${key}?${query}` });
    }
  }
  await call(target, { method: 'DELETE', path: `/${bucket}` });
}

async function removeTogether(
  target: Endpoint,
  bucket: string,
  versions: readonly { readonly key: string; readonly versionId: string }[],
): Promise<void> {
  const objects = versions.map(
    ({ key, versionId }) => `<Object><Key>${key}</Key><VersionId>${versionId}</VersionId></Object>`,
  );
  const body = `<Delete><Quiet>true</Quiet>${objects.join('')}</Delete>`;
  const headers = { 'Content-MD5': createHash('md5').update(body).digest('base64') };
  const request = { method: 'POST', path: `/${bucket}?delete=`, body, headers };
  assert.deepEqual(elements((await call(target, request)).text, 'Error'), []);
}

async function assertClean(gateway: Gateway, when: string): Promise<void> {
  assert.equal(await gateway.stop(), 0, 'exit status after SIGTERM');
  const { status, output } = await gateway.check();
  assert.equal(status, 0, `check ${when}: ${output}`);
}

/** Every file under a folder `pages`: pages that are too large to lie in LMDB. */
function pageFiles(dataDirectory: string): string[] {
  return readdirSync(dataDirectory, { recursive: true })
    .map(String)
    .filter((name) => name.split(path.sep).slice(0, -1).includes('pages'))
    .filter((name) =>
      statSync(path.join(dataDirectory, name), { throwIfNoEntry: false })?.isFile(),
    );
}
