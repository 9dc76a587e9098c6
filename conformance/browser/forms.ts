/**
 * HTML forms that upload by themselves, no script needed.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-UsingHTTPPOST.html
 */
import assert from 'node:assert/strict';
import { createHash, createHmac, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import type { Page, Response } from 'playwright-core';
import { amzDate } from '../harness/http.ts';
import { encodeXml, textOf } from '../harness/xml.ts';
import type { Browsing } from './browsing.ts';

type Condition = Readonly<Record<string, string>> | readonly (string | number)[];

interface FormInput {
  readonly bucket: string;
  /** Besides those of the signature; the policy must allow each. */
  readonly fields: Readonly<Record<string, string>>;
  readonly conditions: readonly Condition[];
}

const policySeconds = 600;

function hmac(key: Buffer | string, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

export function formCases(browsing: Browsing): void {
  const { s3, site } = browsing;
  let pages = 0;

  /** A page with a signed form, as an application's server would write it. Returns its URL. */
  function addForm({ bucket, fields, conditions }: FormInput): string {
    const now = Date.now();
    const date = amzDate(now);
    const scope = [date.slice(0, 8), s3.region, 's3', 'aws4_request'];
    const signature = {
      'x-amz-algorithm': 'AWS4-HMAC-SHA256',
      'x-amz-credential': [s3.credentials.accessKeyId, ...scope].join('/'),
      'x-amz-date': date,
    };
    const policy = Buffer.from(
      JSON.stringify({
        expiration: new Date(now + policySeconds * 1000).toISOString(),
        conditions: [
          { bucket },
          ...Object.entries(signature).map(([name, value]) => ({ [name]: value })),
          ...conditions,
        ],
      }),
    ).toString('base64');
    const key = scope.reduce<Buffer | string>(
      (secret, word) => hmac(secret, word),
      `AWS4${s3.credentials.secretAccessKey}`,
    );
    const all = {
      ...fields,
      ...signature,
      policy,
      'x-amz-signature': hmac(key as Buffer, policy).toString('hex'),
    };
    const hidden = Object.entries(all).map(
      ([name, value]) => `<input type="hidden" name="${name}" value="${encodeXml(value)}">`,
    );
    pages += 1;
    return site.addPage(
      `/form-${pages}`,
      `<!doctype html><meta charset="utf-8">
       <form action="${s3.endpoint}/${bucket}" method="post" enctype="multipart/form-data">
         ${hidden.join('\n')}
         <input type="file" name="file"> <button>Send</button>
       </form>`,
    );
  }

  /** Chooses the file, sends the form, and resolves with what the browser navigated to. */
  async function submit(
    page: Page,
    file: { readonly name: string; readonly mimeType: string; readonly buffer: Buffer },
  ): Promise<Response> {
    await page.setInputFiles('input[type=file]', file);
    const answered = page.waitForResponse((response) => response.request().method() === 'POST');
    await page.click('button');
    return await answered;
  }

  const photo = { name: 'ferien ü (1).jpg', mimeType: 'image/jpeg', buffer: randomBytes(200_000) };

  test('form: a file under its own name by ${filename}, answered 201 with where it is', async (t) => {
    const bucket = await s3.makeBucket();
    const url = addForm({
      bucket,
      fields: {
        key: 'uploads/${filename}',
        'content-type': 'image/jpeg',
        'x-amz-meta-from': 'a form',
        success_action_status: '201',
      },
      conditions: [
        ['starts-with', '$key', 'uploads/'],
        ['starts-with', '$content-type', 'image/'],
        ['content-length-range', 1, 1_000_000],
        { 'x-amz-meta-from': 'a form' },
        { success_action_status: '201' },
      ],
    });
    const { page } = await browsing.open(t, url);
    const answer = await submit(page, photo);
    assert.equal(answer.status(), 201);
    const text = await answer.text();
    const outside = await s3.get(bucket, `uploads/${photo.name}`);
    assert.equal(textOf(text, 'Bucket'), bucket);
    assert.equal(textOf(text, 'Key'), `uploads/${photo.name}`);
    assert.equal(textOf(text, 'ETag'), outside.headers.etag);
    assert.equal(textOf(text, 'Location'), answer.headers().location);
    assert.ok(outside.body.equals(photo.buffer));
    assert.equal(outside.headers['content-type'], 'image/jpeg');
    assert.equal(outside.headers['x-amz-meta-from'], 'a form');
  });

  test('form: success_action_redirect brings the user back, with bucket, key and etag', async (t) => {
    const bucket = await s3.makeBucket();
    const done = site.addPage(
      '/done',
      '<!doctype html><p id="told"></p><script>told.textContent = location.search</script>',
    );
    const redirect = `${done}?from=form`;
    const url = addForm({
      bucket,
      fields: { key: 'a b+ü', success_action_redirect: redirect },
      conditions: [{ key: 'a b+ü' }, { success_action_redirect: redirect }],
    });
    const { page } = await browsing.open(t, url);
    const answer = await submit(page, photo);
    assert.equal(answer.status(), 303);
    await page.waitForURL(`${done}?**`);
    const told = new URLSearchParams((await page.textContent('#told')) ?? '');
    const outside = await s3.get(bucket, 'a b+ü');
    assert.deepEqual(Object.fromEntries(told), {
      from: 'form',
      bucket,
      key: 'a b+ü',
      etag: outside.headers.etag,
    });
    assert.equal(
      createHash('sha256').update(outside.body).digest('hex'),
      createHash('sha256').update(photo.buffer).digest('hex'),
    );
  });

  test('form: what the policy does not allow is shown as an error, and nothing is stored', async (t) => {
    const bucket = await s3.makeBucket();
    const conditions: readonly Condition[] = [
      ['starts-with', '$key', 'uploads/'],
      ['content-length-range', 1, 1000],
    ];
    const cases = [
      [{ key: 'elsewhere/${filename}' }, 403, 'AccessDenied'],
      [{ key: 'uploads/${filename}', acl: 'public-read' }, 403, 'AccessDenied'],
      [{ key: 'uploads/${filename}' }, 400, 'EntityTooLarge'],
    ] as const;
    for (const [fields, status, code] of cases) {
      const { page } = await browsing.open(t, addForm({ bucket, fields, conditions }));
      const answer = await submit(page, photo);
      const text = await answer.text();
      assert.equal(`${answer.status()} ${textOf(text, 'Code')}`, `${status} ${code}`, text);
    }
    const listing = await s3.send({ path: `/${bucket}?list-type=2` });
    assert.equal(textOf(listing.text, 'KeyCount'), '0');
  });
}
