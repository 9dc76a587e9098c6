/** The example page (examples/browser), used as a person uses it: 100 MiB with a progress bar. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { PutBucketVersioningCommand } from '@aws-sdk/client-s3';
import type { Page } from 'playwright-core';
import type { Browsing } from './browsing.ts';

const mebibyte = 1024 * 1024;
const fileMebibytes = 100;
const partMebibytes = 5;

/** A file of random bytes; returns their SHA-256. */
function writeRandomFile(file: string, mebibytes: number): string {
  const hash = createHash('sha256');
  const descriptor = openSync(file, 'wx');
  for (let written = 0; written < mebibytes; written += 1) {
    const block = randomBytes(mebibyte);
    hash.update(block);
    writeSync(descriptor, block);
  }
  closeSync(descriptor);
  return hash.digest('hex');
}

/** Keeps every value that the progress bar takes from now on. */
async function watchProgress(page: Page): Promise<() => Promise<number[]>> {
  const bar = page.locator('#progress');
  await bar.evaluate((element) => {
    const values: number[] = [];
    Object.assign(element, { values });
    // What page scripts are made of; this file is compiled without the browser's types.
    const { MutationObserver } = globalThis as unknown as {
      MutationObserver: new (
        changed: () => void,
      ) => { observe(node: unknown, options: object): void };
    };
    new MutationObserver(() =>
      values.push((element as unknown as { value: number }).value),
    ).observe(element, { attributeFilter: ['value'] });
  });
  return () => bar.evaluate((element) => (element as unknown as { values: number[] }).values);
}

export function exampleCases(browsing: Browsing): void {
  const { s3, site, connection } = browsing;

  test('the example page: opens a bucket, uploads 100 MiB with progress, lists, reads, deletes', async (t) => {
    const folder = mkdtempSync(path.join(tmpdir(), 'blobseer-s3-page-'));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const file = path.join(folder, 'hundred ü.bin');
    const sha256 = writeRandomFile(file, fileMebibytes);
    const bucket = await browsing.makeOpenBucket();
    await s3.client.send(
      new PutBucketVersioningCommand({
        Bucket: bucket,
        VersioningConfiguration: { Status: 'Enabled' },
      }),
    );
    await s3.put(bucket, 'a <b>&', 'was there');

    const { page } = await browsing.open(t, `${site.origin}/example/`);
    await page.fill('#endpoint', connection.endpoint);
    await page.fill('#bucket', bucket);
    await page.fill('#access-key', connection.accessKeyId);
    await page.fill('#secret-key', connection.secretAccessKey);
    await page.click('text=Open');
    const keys = page.locator('#objects a');
    await page.locator('#bucket-view').waitFor();
    assert.deepEqual(await keys.allTextContents(), ['a <b>&']);

    const progressValues = await watchProgress(page);
    await page.setInputFiles('#file', file);
    await page.click('text=Upload');
    // The listing is shown anew once the upload is done.
    await keys.nth(1).waitFor();
    assert.deepEqual(await keys.allTextContents(), ['a <b>&', 'hundred ü.bin']);
    const values = await progressValues();
    assert.ok(values.length >= 5, `the bar moved: ${values}`);
    assert.deepEqual(
      values,
      values.toSorted((left, right) => left - right),
    );
    assert.equal(values.at(-1), 100);

    assert.equal(await browsing.sha256Of(bucket, 'hundred ü.bin'), sha256);
    const { headers } = await s3.head(bucket, 'hundred ü.bin');
    assert.equal(headers['content-length'], String(fileMebibytes * mebibyte));
    assert.match(headers.etag ?? '', new RegExp(`-${fileMebibytes / partMebibytes}"$`));
    assert.equal(await page.textContent('#uploaded'), `hundred ü.bin: ${headers.etag}`);

    // A link is a presigned GET: it works where nobody holds a key.
    const link = (await keys.first().getAttribute('href')) ?? '';
    assert.equal(await (await fetch(link)).text(), 'was there');

    const row = page.locator('#objects tr').first();
    await row.locator('text=Delete').click();
    await page.locator('#versions td', { hasText: 'deleted' }).waitFor();
    assert.deepEqual(await keys.allTextContents(), ['hundred ü.bin']);
    assert.equal((await s3.get(bucket, 'a <b>&')).status, 404);
    assert.equal(await page.locator('#versions tr').count(), 3);
    assert.equal(await page.textContent('#failure'), '');
  });

  test('the example page: says what is wrong', async (t) => {
    const { page } = await browsing.open(t, `${site.origin}/example/`);
    const openWith = async (bucket: string, secretKey: string) => {
      await page.fill('#endpoint', connection.endpoint);
      await page.fill('#bucket', bucket);
      await page.fill('#access-key', connection.accessKeyId);
      await page.fill('#secret-key', secretKey);
      await page.click('text=Open');
      const failure = page.locator('#failure:not(:empty)');
      await failure.waitFor();
      return (await failure.textContent()) ?? '';
    };
    const closed = await s3.makeBucket();
    assert.match(
      await openWith(closed, connection.secretAccessKey),
      /Failed to fetch.*http:\/\/localhost:\d+ by CORS/,
    );
    await page.reload();
    const opened = await browsing.makeOpenBucket();
    assert.match(await openWith(opened, 'not the secret'), /SignatureDoesNotMatch/);
  });
}
