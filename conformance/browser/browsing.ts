/** What the browser cases share: the server, the site, and pages that are opened for a test. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, type TestContext } from 'node:test';
import { type CORSRule, GetObjectCommand, PutBucketCorsCommand } from '@aws-sdk/client-s3';
import type { Page } from 'playwright-core';
import { openTarget, type Target } from '../harness/target.ts';
import { launchChromium } from './chromium.ts';
import type { Blocked, Connection, PageCalls, Seen } from './page/calls.ts';
import { openSite, type Site } from './site.ts';

export interface OpenPage {
  readonly page: Page;
  /** Has the page do something, by its script page/main.ts. */
  call<Name extends keyof PageCalls>(
    name: Name,
    ...input: Parameters<PageCalls[Name]>
  ): Promise<Awaited<ReturnType<PageCalls[Name]>>>;
}

export interface Browsing {
  readonly s3: Target;
  readonly site: Site;
  readonly connection: Connection;
  /** A page in a profile of its own; it is closed with the test. */
  open(test: TestContext, url?: string): Promise<OpenPage>;
  /** A new bucket that pages of the site may use, with all that the SDK sends. */
  makeOpenBucket(rule?: Partial<CORSRule>): Promise<string>;
  /** Read outside the browser. */
  sha256Of(bucket: string, key: string): Promise<string>;
}

/** A busy machine is slow, never wrong: only a browser that hangs is failed. */
const actionTimeoutMs = 120_000;

/** What an application needs of a bucket that it uses by an SDK; docs/BROWSERS.md has the same. */
export const sdkRule = (origin: string): CORSRule => ({
  AllowedOrigins: [origin],
  AllowedMethods: ['GET', 'HEAD', 'PUT', 'POST', 'DELETE'],
  AllowedHeaders: ['*'],
  ExposeHeaders: [
    'ETag',
    'x-amz-version-id',
    'x-amz-request-id',
    'x-amz-delete-marker',
    'Content-Range',
  ],
  MaxAgeSeconds: 3000,
});

export async function openBrowsing(executablePath: string): Promise<Browsing> {
  const site = await openSite();
  const browser = await launchChromium(executablePath);
  // Before the target's own `after`: the gateway then has no connection left to drain.
  after(async () => {
    await browser.close();
    await site.close();
  });
  const s3 = await openTarget();

  const browsing: Browsing = {
    s3,
    site,
    connection: { endpoint: s3.endpoint, region: s3.region, ...s3.credentials },

    async open(test, url = `${site.origin}/`) {
      const context = await browser.newContext({ ignoreHTTPSErrors: true });
      test.after(() => context.close());
      context.setDefaultTimeout(actionTimeoutMs);
      const page = await context.newPage();
      await page.goto(url);
      return {
        page,
        call: (name, ...input) =>
          page.evaluate(
            ([name, input]) =>
              (globalThis as unknown as { calls: Record<string, (input: unknown) => unknown> })
                .calls[name]!(input),
            [name, input[0]] as const,
          ) as never,
      };
    },

    async makeOpenBucket(rule = {}) {
      const bucket = await s3.makeBucket();
      const CORSRules = [{ ...sdkRule(site.origin), ...rule }];
      await s3.client.send(
        new PutBucketCorsCommand({ Bucket: bucket, CORSConfiguration: { CORSRules } }),
      );
      return bucket;
    },

    async sha256Of(bucket, key) {
      const { Body } = await s3.client.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
      const hash = createHash('sha256');
      for await (const piece of Body as AsyncIterable<Buffer>) hash.update(piece);
      return hash.digest('hex');
    },
  };
  return browsing;
}

/** The answer, which the browser must have shown to the page. */
export function shown<Answer extends Seen>(answer: Answer | Blocked): Answer {
  assert.ok(
    'status' in answer,
    `the browser kept the answer from the page: ${JSON.stringify(answer)}`,
  );
  return answer;
}

export function assertBlocked(answer: Seen | Blocked): void {
  assert.ok('blocked' in answer, `the page saw an answer: ${JSON.stringify(answer)}`);
}
