/**
 * The areas of ceph/s3-tests: which test belongs where, what we aim at, what Ceph's RGW reaches.
 *
 * The suite knows files and marks, but no areas. The rules below go by the name of a test; the first that
 * matches wins. `tag` takes the names with "etag" and "percentage" along: so were the tests counted when
 * the targets were set and RGW was measured, and a figure is worth something only against its like.
 */

export interface Area {
  readonly name: string;
  /** How many tests of the checkout of 2026-05-07 (commit 8f0ae7b) belong to it. */
  readonly tests: number;
  /** How many have to pass. Undefined: an area that is counted when asked for, not judged. */
  readonly target?: number;
  /** Passed by radosgw 16.2.15. */
  readonly rgw?: number;
}

/** The everyday API, which every run goes through: 431 tests. */
const everyday: readonly Area[] = [
  { name: 'list v1', tests: 40, target: 39, rgw: 40 },
  { name: 'list v2', tests: 39, target: 38, rgw: 39 },
  { name: 'bucket', tests: 39, target: 37, rgw: 37 },
  { name: 'object', tests: 21, target: 18, rgw: 15 },
  { name: 'headers', tests: 48, target: 38, rgw: 34 },
  { name: 'presigned', tests: 16, target: 14, rgw: 16 },
  { name: 'post object', tests: 40, target: 36, rgw: 37 },
  { name: 'versioning', tests: 31, target: 30, rgw: 24 },
  { name: 'multipart', tests: 29, target: 26, rgw: 19 },
  { name: 'copy', tests: 13, target: 12, rgw: 13 },
  { name: 'ranges and conditions', tests: 14, target: 14, rgw: 12 },
  { name: 'conditional write', tests: 37, target: 37, rgw: 9 },
  { name: 'atomic', tests: 12, target: 12, rgw: 12 },
  { name: 'tagging', tests: 27, target: 16, rgw: 24 },
  { name: 'cors', tests: 14, target: 14, rgw: 10 },
  { name: 'checksums', tests: 11, target: 10, rgw: 0 },
];

/** Policies, grants, locks and the like: run with --all or by name. */
const further: readonly Area[] = [
  { name: 'acl', tests: 63 },
  { name: 'policy', tests: 18 },
  { name: 'lock', tests: 39, rgw: 35 },
  { name: 'lifecycle', tests: 42, rgw: 30 },
  { name: 'encryption', tests: 142 },
  { name: 'public access', tests: 24, rgw: 9 },
  { name: 'bucket logging', tests: 112, rgw: 0 },
  { name: 'cloud', tests: 10, rgw: 0 },
  { name: 'other', tests: 2 },
];

export const areas: readonly Area[] = [...everyday, ...further];

export const everydayNames: readonly string[] = everyday.map(({ name }) => name);

/** The test that wants an account without buckets of other tests: it never runs beside others. */
export const aloneTest = 'test_list_buckets_paginated';

const rules: readonly (readonly [area: string, pattern: RegExp])[] = [
  ['bucket logging', /bucket_logging/],
  ['cloud', /cloud_|restore_object|read_through|restore_noncur/],
  ['lifecycle', /lifecycle|delete_marker_expiration/],
  ['lock', /object_lock/],
  ['post object', /post_object/],
  ['encryption', /copy_(part_)?enc\b|encrypt|sse_|_enc_conflict|_noenc|_(s3_kms|kms_s3)$|_no_sse/],
  ['public access', /public_block|block_public|ignore_public|policy_status|ownership/],
  ['public access', /create_bucket_(bucket_owner|object_writer)/],
  ['checksums', /checksum|cksum/],
  ['cors', /cors/],
  ['tagging', /tag|policy_(put_obj_copy_source|upload_part_copy)/],
  ['policy', /policy/],
  ['ranges and conditions', /get_object_if|ranged_/],
  ['conditional write', /_if_?(none_?|non)?match/],
  ['acl', /acl|^test_access_|_anon_put|object_put_authenticated/],
  ['acl', /listv?2?_objects_anonymous$|delete_key_bucket_gone/],
  ['atomic', /^test_atomic_(?!multipart)/],
  ['versioning', /version|delete_marker/],
  ['copy', /^test_object_copy_/],
  ['multipart', /multipart|upload_part/],
  ['presigned', /_raw_|100_continue|aws_chunked/],
  ['other', /account_usage|torrent/],
  [
    'bucket',
    /^test_bucket(v2)?_(notexist|delete|create|head|recreate|get_location|list_long_name)/,
  ],
  ['bucket', /list_buckets|^test_buckets_|head_bucket/],
  ['list v2', /^test_bucket_listv2_|basic_key_count/],
  ['list v1', /^test_bucket_list_/],
  ['object', /object|expected_bucket_owner/],
];

/** A test as pytest names it: `s3tests/functional/test_s3.py::test_object_read_not_exist`. */
export function areaOf(nodeId: string): string {
  const [file = '', name = ''] = nodeId.split('::');
  if (file.endsWith('test_headers.py')) return 'headers';
  const rule = rules.find(([, pattern]) => pattern.test(name));
  return rule?.[0] ?? 'other';
}
