import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { S3Action } from './actions.ts';
import { childText, documentIn, s3Error, TestGateway, texts } from './testing/gateway.ts';

let gateway: TestGateway;
let bucket: string;
before(async () => {
  gateway = await TestGateway.open();
  bucket = await gateway.bucket();
  await gateway.put(bucket, 'k', 'x', { 'x-amz-tagging': 'a=1&b=two%20words' });
});
after(() => gateway.close());

const absent: readonly (readonly [S3Action, string])[] = [
  ['GetBucketPolicy', 'NoSuchBucketPolicy'],
  ['GetBucketPolicyStatus', 'NoSuchBucketPolicy'],
  ['GetBucketCors', 'NoSuchCORSConfiguration'],
  ['GetBucketTagging', 'NoSuchTagSet'],
  ['GetBucketLifecycleConfiguration', 'NoSuchLifecycleConfiguration'],
  ['GetBucketWebsite', 'NoSuchWebsiteConfiguration'],
  ['GetBucketReplication', 'ReplicationConfigurationNotFoundError'],
  ['GetObjectLockConfiguration', 'ObjectLockConfigurationNotFoundError'],
  ['GetPublicAccessBlock', 'NoSuchPublicAccessBlockConfiguration'],
  ['GetBucketEncryption', 'ServerSideEncryptionConfigurationNotFoundError'],
  ['GetBucketOwnershipControls', 'OwnershipControlsNotFoundError'],
  ['GetBucketMetricsConfiguration', 'NoSuchConfiguration'],
];
for (const [action, code] of absent) {
  test(`${action} is ${code}`, async () => {
    await assert.rejects(gateway.call(action, { bucket }), s3Error(code, { BucketName: bucket }));
  });
}

const empty: readonly (readonly [S3Action, string])[] = [
  ['GetBucketLogging', 'BucketLoggingStatus'],
  ['GetBucketNotificationConfiguration', 'NotificationConfiguration'],
  ['GetBucketAccelerateConfiguration', 'AccelerateConfiguration'],
];
for (const [action, root] of empty) {
  test(`${action} is an empty ${root}`, async () => {
    const node = documentIn(await gateway.call(action, { bucket }), root);
    assert.deepEqual([node.children.length, node.text], [0, '']);
  });
}

const lists: readonly (readonly [S3Action, string])[] = [
  ['ListBucketAnalyticsConfigurations', 'ListBucketAnalyticsConfigurationResult'],
  ['ListBucketInventoryConfigurations', 'ListInventoryConfigurationsResult'],
  ['ListBucketMetricsConfigurations', 'ListMetricsConfigurationsResult'],
  [
    'ListBucketIntelligentTieringConfigurations',
    'ListBucketIntelligentTieringConfigurationsOutput',
  ],
];
for (const [action, root] of lists) {
  test(`${action} is an empty list`, async () => {
    const node = documentIn(await gateway.call(action, { bucket }), root);
    assert.deepEqual(
      node.children.map(({ name, text }) => [name, text]),
      [['IsTruncated', 'false']],
    );
  });
}

test('GetBucketRequestPayment is BucketOwner, GetBucketAbac Disabled', async () => {
  const payment = await gateway.call('GetBucketRequestPayment', { bucket });
  assert.equal(
    childText(documentIn(payment, 'RequestPaymentConfiguration'), 'Payer'),
    'BucketOwner',
  );
  const abac = await gateway.call('GetBucketAbac', { bucket });
  assert.equal(childText(documentIn(abac, 'AbacStatus'), 'Status'), 'Disabled');
});

for (const action of ['GetBucketAcl', 'GetObjectAcl'] as const) {
  test(`${action} grants the owner everything and nobody else anything`, async () => {
    const root = documentIn(
      await gateway.call(action, { bucket, key: 'k' }),
      'AccessControlPolicy',
    );
    assert.deepEqual(texts(root, 'Owner', 'ID'), ['alice-id']);
    assert.deepEqual(texts(root, 'AccessControlList', 'Grant', 'Grantee', 'ID'), ['alice-id']);
    assert.deepEqual(texts(root, 'AccessControlList', 'Grant', 'Permission'), ['FULL_CONTROL']);
  });
}

test('retention and legal hold are InvalidRequest, torrents NoSuchKey', async () => {
  for (const action of ['GetObjectRetention', 'GetObjectLegalHold'] as const) {
    await assert.rejects(gateway.call(action, { bucket, key: 'k' }), s3Error('InvalidRequest'));
    await assert.rejects(gateway.call(action, { bucket, key: 'absent' }), s3Error('NoSuchKey'));
  }
  await assert.rejects(
    gateway.call('GetObjectTorrent', { bucket, key: 'k' }),
    s3Error('NoSuchKey'),
  );
});

test('the access list of an object that is not there', async () => {
  await assert.rejects(
    gateway.call('GetObjectAcl', { bucket, key: 'absent' }),
    s3Error('NoSuchKey'),
  );
});
