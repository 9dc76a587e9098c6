/**
 * The read side of every bucket configuration that nobody has set answers as AWS does for an
 * unconfigured bucket: Terraform, s3cmd and many libraries ask for all of them.
 * The write side answers NotImplemented by name, never silence.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertError } from '../harness/http.ts';
import { openTarget } from '../harness/target.ts';
import { textOf } from '../harness/xml.ts';

const s3 = await openTarget();
const bucket = await s3.makeBucket();
await s3.put(bucket, 'k', 'x');

const absent: Readonly<Record<string, string>> = {
  policy: 'NoSuchBucketPolicy',
  policyStatus: 'NoSuchBucketPolicy',
  cors: 'NoSuchCORSConfiguration',
  tagging: 'NoSuchTagSet',
  lifecycle: 'NoSuchLifecycleConfiguration',
  website: 'NoSuchWebsiteConfiguration',
  replication: 'ReplicationConfigurationNotFoundError',
  'object-lock': 'ObjectLockConfigurationNotFoundError',
  publicAccessBlock: 'NoSuchPublicAccessBlockConfiguration',
  encryption: 'ServerSideEncryptionConfigurationNotFoundError',
  ownershipControls: 'OwnershipControlsNotFoundError',
};

for (const [name, code] of Object.entries(absent)) {
  test(`GET ?${name} is 404 ${code}`, async () => {
    assertError(await s3.send({ path: `/${bucket}?${name}` }), 404, code, { BucketName: bucket });
  });
}

const present: Readonly<Record<string, { root: string; contains?: RegExp; lacks?: RegExp }>> = {
  acl: { root: 'AccessControlPolicy', contains: /<Permission>FULL_CONTROL<\/Permission>/ },
  logging: { root: 'BucketLoggingStatus', lacks: /LoggingEnabled/ },
  notification: { root: 'NotificationConfiguration', lacks: /Configuration><(Topic|Queue|Cloud)/ },
  accelerate: { root: 'AccelerateConfiguration', lacks: /<Status>/ },
  versioning: { root: 'VersioningConfiguration', lacks: /<Status>/ },
  requestPayment: { root: 'RequestPaymentConfiguration', contains: /<Payer>BucketOwner<\/Payer>/ },
  inventory: { root: 'ListInventoryConfigurationsResult', lacks: /<InventoryConfiguration>/ },
  metrics: { root: 'ListMetricsConfigurationsResult', lacks: /<MetricsConfiguration>/ },
  analytics: { root: 'ListBucketAnalyticsConfigurationResult', lacks: /<AnalyticsConfiguration>/ },
  'intelligent-tiering': {
    root: 'ListBucketIntelligentTieringConfigurationsOutput',
    lacks: /<IntelligentTieringConfiguration>/,
  },
};

for (const [name, { root, contains, lacks }] of Object.entries(present)) {
  test(`GET ?${name} is 200 with an unconfigured ${root}`, async () => {
    const answer = await s3.send({ path: `/${bucket}?${name}` });
    assert.equal(answer.status, 200, answer.text);
    assert.match(answer.text, new RegExp(`<${root}[ />]`));
    if (contains !== undefined) assert.match(answer.text, contains);
    if (lacks !== undefined) assert.doesNotMatch(answer.text, lacks);
  });
}

test('the ACL of a bucket and of an object names the owner', async () => {
  for (const path of [`/${bucket}?acl`, `/${bucket}/k?acl`]) {
    const answer = await s3.send({ path });
    assert.equal(answer.status, 200, answer.text);
    assert.ok((textOf(answer.text, 'ID') ?? '').length > 0);
    assert.match(answer.text, /xsi:type="CanonicalUser"/);
  }
});

test('every such read of an absent bucket is NoSuchBucket', async () => {
  const none = s3.newBucketName();
  for (const name of [...Object.keys(absent), ...Object.keys(present)]) {
    assertError(await s3.send({ path: `/${none}?${name}` }), 404, 'NoSuchBucket');
  }
});

test('an object’s retention and legal hold are 400 InvalidRequest, its torrent NoSuchKey', async () => {
  assertError(await s3.get(bucket, 'k', 'retention'), 400, 'InvalidRequest');
  assertError(await s3.get(bucket, 'k', 'legal-hold'), 400, 'InvalidRequest');
  assertError(await s3.get(bucket, 'k', 'torrent'), 404, 'NoSuchKey');
});

test('an object without tags has an empty tag set', async () => {
  const answer = await s3.get(bucket, 'k', 'tagging');
  assert.equal(answer.status, 200, answer.text);
  assert.match(answer.text, /<TagSet\s*\/>|<TagSet><\/TagSet>/);
  assertError(await s3.get(bucket, 'no-such-key', 'tagging'), 404, 'NoSuchKey');
});

test('writing a configuration that is not built answers NotImplemented, and changes nothing', async () => {
  const writes = ['policy', 'lifecycle', 'website', 'replication', 'notification'];
  for (const name of [...writes, 'encryption', 'logging', 'publicAccessBlock', 'accelerate']) {
    const answer = await s3.send({ method: 'PUT', path: `/${bucket}?${name}`, body: '<a/>' });
    assertError(answer, 501, 'NotImplemented');
  }
  assert.equal((await s3.send({ method: 'HEAD', path: `/${bucket}` })).status, 200);
});

test('a sub-resource write is never taken for a PutObject or CreateBucket', async () => {
  for (const name of ['retention', 'legal-hold', 'torrent']) {
    const answer = await s3.send({
      method: 'PUT',
      path: `/${bucket}/untouched?${name}`,
      body: '<a/>',
    });
    assert.ok(answer.status >= 400 && answer.status <= 501, `${name}: ${answer.status}`);
  }
  assertError(await s3.get(bucket, 'untouched'), 404, 'NoSuchKey');
});
