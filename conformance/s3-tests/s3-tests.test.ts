/** What the runner of ceph/s3-tests parses and counts; the suite itself is not needed for it. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { projectRoot } from '../harness/gateway.ts';
import { areaOf, areas, everydayNames } from './areas.ts';
import { compare, parseExpected } from './expected.ts';
import { oldBotocoreWarning } from './python.ts';
import { areaRows, areaTable, changedAreas } from './report.ts';
import { collectedTests, junitResults, type Result } from './results.ts';
import { suiteConfiguration, users } from './users.ts';

const inS3 = (name: string) => `s3tests/functional/test_s3.py::${name}`;
const passed: Result = { outcome: 'passed', message: '' };
const failed: Result = { outcome: 'failed', message: 'assert 404 == 400' };

describe('areas', () => {
  const examples: readonly (readonly [test: string, area: string])[] = [
    ['test_bucket_list_delimiter_basic', 'list v1'],
    ['test_bucket_listv2_delimiter_basic', 'list v2'],
    ['test_basic_key_count', 'list v2'],
    ['test_bucket_list_return_data_versioning', 'versioning'],
    ['test_bucket_list_long_name', 'bucket'],
    ['test_list_buckets_paginated', 'bucket'],
    ['test_object_read_not_exist', 'object'],
    ['test_object_write_check_etag', 'tagging'],
    ['test_object_raw_get_x_amz_expires_out_max_range', 'presigned'],
    ['test_object_raw_get_bucket_acl', 'acl'],
    ['test_post_object_tags_anonymous_request', 'post object'],
    ['test_sse_kms_post_object_authenticated_request', 'post object'],
    ['test_versioned_object_acl', 'acl'],
    ['test_object_copy_versioned_bucket', 'versioning'],
    ['test_object_copy_to_itself', 'copy'],
    ['test_atomic_multipart_upload_write', 'multipart'],
    ['test_atomic_dual_write_1mb', 'atomic'],
    ['test_get_object_ifmatch_good', 'ranges and conditions'],
    ['test_copy_object_ifmatch_good', 'conditional write'],
    ['test_delete_objects_version_if_match_size', 'conditional write'],
    ['test_multipart_reupload_checksum_and_etag', 'checksums'],
    ['test_cors_presigned_put_object_with_acl', 'cors'],
    ['test_bucket_policy_get_obj_existing_tag', 'tagging'],
    ['test_bucket_policy_acl', 'policy'],
    ['test_copy_part_enc[sse-c-sse-kms-STANDARD-STANDARD-8388608]', 'encryption'],
    ['test_lifecycle_expiration_tags1', 'lifecycle'],
    ['test_something_that_nobody_wrote', 'other'],
  ];
  for (const [name, area] of examples) {
    test(`${name} belongs to ${area}`, () => assert.equal(areaOf(inS3(name)), area));
  }

  test('all of test_headers.py is one area, whatever its names say', () => {
    assert.equal(
      areaOf('s3tests/functional/test_headers.py::test_bucket_put_bad_canned_acl'),
      'headers',
    );
  });

  test('the everyday areas are 431 tests, of which RGW passes 341', () => {
    const everyday = areas.filter(({ name }) => everydayNames.includes(name));
    assert.equal(everyday.length, 16);
    assert.equal(
      everyday.reduce((sum, { tests }) => sum + tests, 0),
      431,
    );
    assert.equal(
      everyday.reduce((sum, { rgw = 0 }) => sum + rgw, 0),
      341,
    );
  });

  test('another version of the suite is noticed', () => {
    const changes = changedAreas([inS3('test_atomic_read_1mb')]);
    assert.equal(changes.length, areas.length);
    assert.ok(changes.includes('atomic: 1 tests, not 12'));
  });
});

describe('what pytest says', () => {
  test('its collection is the lines that name a test', () => {
    const output = `warning: x::y\n${inS3('test_a')}\n${inS3('test_b[1-x y]')}\n\n2 tests collected in 0.1s\n`;
    assert.deepEqual(collectedTests(output), [inS3('test_a'), inS3('test_b[1-x y]')]);
  });

  const testCase = (name: string, inside: string) =>
    `<testcase classname="s3tests.functional.test_s3" name="${name}" time="0.1">${inside}</testcase>`;
  const report = (...cases: string[]) =>
    `<?xml version="1.0"?><testsuites><testsuite name="pytest">${cases.join('')}</testsuite></testsuites>`;

  test('outcomes and first lines are read from its JUnit XML', () => {
    const results = junitResults(
      report(
        testCase('test_good', ''),
        testCase('test_bad', '<failure message="assert 404 == 400&#10;where">trace</failure>'),
        testCase('test_setup', '<error message="failed on setup">trace</error>'),
        testCase('test_none', '<skipped message="no cloud">where</skipped>'),
        testCase('test_odd[a&lt;b]', ''),
      ),
    );
    assert.deepEqual(Object.fromEntries(results), {
      [inS3('test_good')]: passed,
      [inS3('test_bad')]: failed,
      [inS3('test_setup')]: { outcome: 'failed', message: 'failed on setup' },
      [inS3('test_none')]: { outcome: 'skipped', message: 'no cloud' },
      [inS3('test_odd[a<b]')]: passed,
    });
  });

  test('a test that passes and cannot clean up has failed, in either order', () => {
    const torn = testCase('test_torn', '<error message="failed on teardown">trace</error>');
    const good = testCase('test_torn', '');
    for (const cases of [
      [torn, good],
      [good, torn],
    ]) {
      assert.equal(junitResults(report(...cases)).get(inS3('test_torn'))?.outcome, 'failed');
    }
  });

  test('something else is refused', () => {
    assert.throws(() => junitResults('<html/>'), /not a JUnit XML file/);
  });
});

describe('the list of expected failures', () => {
  const head = '# Expected\n\n| test | reason | decided by |\n|---|---|---|\n';

  test('is read from the rows of Markdown tables', () => {
    const list = parseExpected(`${head}| \`test_a[x-1]\` | AWS says 416 | AWS |\n\ntext test_z\n`);
    assert.deepEqual(list, [{ test: 'test_a[x-1]', reason: 'AWS says 416', decidedBy: 'AWS' }]);
  });

  const wrong: readonly (readonly [what: string, row: string, message: RegExp])[] = [
    ['a row without a reason', '| `test_a` |  | AWS |', /line 5: a row is/],
    ['a row with a fourth column', '| `test_a` | x | AWS | y |', /line 5: a row is/],
    ['a name without quotes', '| test_a | x | AWS |', /line 5: a row is/],
    ['an unknown judge', '| `test_a` | x | me |', /line 5: "me" does not decide/],
    [
      'a repetition',
      '| `test_a` | x | AWS |\n| `test_a` | y | AWS |',
      /line 6: test_a is listed twice/,
    ],
  ];
  for (const [what, row, message] of wrong) {
    test(`${what} is refused`, () => assert.throws(() => parseExpected(head + row), message));
  }

  test('differs in failures that are not listed, passes that are, and names that are gone', () => {
    const results = new Map<string, Result>([
      [inS3('test_fails'), failed],
      [inS3('test_is_skipped'), { outcome: 'skipped', message: '' }],
      [inS3('test_fails_as_listed'), failed],
      [inS3('test_passes_though_listed'), passed],
      [inS3('test_passes'), passed],
    ]);
    const row = (name: string) => `| \`${name}\` | because | AWS |\n`;
    const list = ['fails_as_listed', 'passes_though_listed', 'did_not_run', 'is_gone'];
    const expected = parseExpected(head + list.map((name) => row(`test_${name}`)).join(''));
    const collected = [...results.keys(), inS3('test_did_not_run')];
    assert.deepEqual(compare(results, expected, collected), {
      unexpected: ['test_fails', 'test_is_skipped'],
      passing: ['test_passes_though_listed'],
      unknown: ['test_is_gone'],
    });
  });

  test('as committed is well formed and lists everyday tests only', () => {
    const text = readFileSync(path.join(projectRoot, 'conformance', 'S3-TESTS.md'), 'utf8');
    const list = parseExpected(text);
    assert.ok(list.length > 0);
    // Tests of test_headers.py are everyday tests too, whatever area their names alone would say.
    const odd = list.filter(
      ({ test: name }) =>
        !everydayNames.includes(areaOf(inS3(name))) &&
        !/_(create|put)_bad_|contentlength/.test(name),
    );
    assert.deepEqual(odd, []);
  });
});

test('the table has a row for each area that ran, targets where all of it did, and sums', () => {
  const results = new Map<string, Result>([
    [inS3('test_atomic_read_1mb'), passed],
    [inS3('test_object_copy_to_itself'), failed],
  ]);
  for (let index = 0; index < 11; index += 1)
    results.set(inS3(`test_object_copy_${index}`), passed);
  results.set(inS3('test_object_copy_x'), passed);
  const rows = areaRows(results);
  assert.deepEqual(
    rows.map(({ name, passed, failed, target }) => [name, passed, failed, target]),
    [
      ['copy', 12, 1, 12],
      ['atomic', 1, 0, undefined],
      ['together', 13, 1, 12],
    ],
  );
  assert.match(
    areaTable(results),
    /^area +tests +passed +failed +skipped +target +RGW\ncopy +13 +12 +1 +0 +12 +13\n/,
  );
});

test('the configuration tells the suite all that the gateway is told of the users', () => {
  const text = suiteConfiguration(9000);
  assert.match(text, /^\[DEFAULT\]\nhost = 127\.0\.0\.1\nport = 9000$/m);
  for (const { section, id, displayName, accessKey, secret } of users) {
    const part = text.split(`[s3 ${section}]\n`)[1]?.split('\n[')[0] ?? '';
    for (const line of [
      `user_id = ${id}`,
      `display_name = ${displayName}`,
      `access_key = ${accessKey}`,
      `secret_key = ${secret}`,
    ]) {
      assert.ok(part.split('\n').includes(line), line);
    }
  }
});

test('an old botocore is named, a new one is not', () => {
  const versions = (botocore: string) => `Python 3.11.2, pytest 7.2.1, botocore ${botocore}`;
  assert.match(oldBotocoreWarning(versions('1.29.27')) ?? '', /older than 1\.36/);
  for (const fine of ['1.36.0', '1.43.11', '2.0.1']) {
    assert.equal(oldBotocoreWarning(versions(fine)), undefined);
  }
});
