/**
 * HTML forms that upload by themselves, no script needed.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-UsingHTTPPOST.html
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import type { Page, Response } from 'playwright-core';
import { signedPolicy } from '../harness/forms.ts';
import { encodeXml, textOf } from '../harness/xml.ts';
import type { Browsing } from './browsing.ts';

type Condition = Readonly<Record<string, string>> | readonly (string | number)[];

interface FormInput {
  readonly bucket: string;
  /** Besides those of the signature; the conditions must allow each. */
  readonly fields: Readonly<Record<string, string>>;
  readonly conditions: readonly Condition[];
}

/** S3's own placeholder: the name of the file that the user chose. */
// biome-ignore lint/suspicious/noTemplateCurlyInString: it is not JavaScript's
const fileName = '${filename}';

export function formCases(browsing: Browsing): void {
  const { s3, site } = browsing;
  let pages = 0;

  /** A page with a signed form, as an application's server would write it. Returns its URL. */
  function addForm({ bucket, fields, conditions }: FormInput): string {
    const all = { ...fields, ...signedPolicy(s3, [{ bucket }, ...conditions]) };
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

  /** Chromium shows an XML document in a view of its own; the source is there too, hidden. */
  async function shows(page: Page, text: string): Promise<void> {
    await page.getByText(text, { exact: true }).filter({ visible: true }).waitFor();
  }

  const photo = { name: 'ferien ü (1).jpg', mimeType: 'image/jpeg', buffer: randomBytes(200_000) };

  test('form: a file under the name that it has, answered 201 with where it is', async (t) => {
    const bucket = await s3.makeBucket();
    const url = addForm({
      bucket,
      fields: {
        key: `uploads/${fileName}`,
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
    await shows(page, `uploads/${photo.name}`);
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
    assert.ok(outside.body.equals(photo.buffer));
  });

  test('form: without a success action the answer is an empty 204, and the user stays on the page', async (t) => {
    const bucket = await s3.makeBucket();
    const url = addForm({ bucket, fields: { key: 'k' }, conditions: [{ key: 'k' }] });
    const { page } = await browsing.open(t, url);
    const answer = await submit(page, photo);
    assert.equal(answer.status(), 204);
    assert.ok((await s3.get(bucket, 'k')).body.equals(photo.buffer));
    assert.equal(page.url(), url);
    assert.equal(await page.locator('input[type=file]').count(), 1);
  });

  test('form: what the policy does not allow is shown as an error, and nothing is stored', async (t) => {
    const bucket = await s3.makeBucket();
    const conditions: readonly Condition[] = [
      ['starts-with', '$key', 'uploads/'],
      ['content-length-range', 1, 1000],
    ];
    const cases = [
      [{ key: `elsewhere/${fileName}` }, 403, 'AccessDenied'],
      [{ key: `uploads/${fileName}`, acl: 'public-read' }, 403, 'AccessDenied'],
      [{ key: `uploads/${fileName}` }, 400, 'EntityTooLarge'],
    ] as const;
    for (const [fields, status, code] of cases) {
      const { page } = await browsing.open(t, addForm({ bucket, fields, conditions }));
      const answer = await submit(page, photo);
      const text = await answer.text();
      assert.equal(`${answer.status()} ${textOf(text, 'Code')}`, `${status} ${code}`, text);
      await shows(page, code);
    }
    const listing = await s3.send({ path: `/${bucket}?list-type=2` });
    assert.equal(textOf(listing.text, 'KeyCount'), '0');
  });
}
