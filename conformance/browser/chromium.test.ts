/**
 * The gateway used by real web pages, from another origin, in real headless Chromium: one browser
 * and one gateway for all cases. Without a Chromium the test is skipped, unless REQUIRE_CHROMIUM is
 * set, as .ci/run does: then it fails.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aws4fetchCases } from './aws4fetch.ts';
import { openBrowsing } from './browsing.ts';
import { browserMissing, browserRequired, findChromium } from './chromium.ts';
import { corsCases } from './cors.ts';
import { exampleCases } from './example.ts';
import { formCases } from './forms.ts';
import { presignedCases } from './presigned.ts';
import { sdkCases } from './sdk.ts';

const chromium = findChromium();
if (chromium === undefined) {
  test('web pages in Chromium', { skip: browserRequired ? false : browserMissing }, () =>
    assert.fail(browserMissing),
  );
} else {
  const browsing = await openBrowsing(chromium);
  corsCases(browsing);
  presignedCases(browsing);
  formCases(browsing);
  sdkCases(browsing);
  aws4fetchCases(browsing);
  exampleCases(browsing);
}
