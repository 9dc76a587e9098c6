/**
 * The read side of every setting that is not built: it answers as a bucket of AWS does on which
 * nobody has configured anything, since tools (terraform, aws-cli sync jobs, backup programs) read
 * all of them before they do anything. The write sides are rows without handler.
 */
import { findVersion } from '../objects/find.ts';
import { S3Error, type S3ErrorCode } from '../s3/errors.ts';
import { element } from '../s3/xml.ts';
import type { Services } from '../services.ts';
import { xmlAnswer } from './answers.ts';
import type { S3Request, S3Response } from './operation.ts';
import { lookOf } from './request.ts';

function absent(code: S3ErrorCode): (request: S3Request) => S3Response {
  return (request) => {
    throw new S3Error(code, { fields: { BucketName: request.bucket } });
  };
}

export const getBucketPolicy = absent('NoSuchBucketPolicy');
export const getBucketLifecycleConfiguration = absent('NoSuchLifecycleConfiguration');
export const getBucketWebsite = absent('NoSuchWebsiteConfiguration');
export const getBucketReplication = absent('ReplicationConfigurationNotFoundError');
export const getObjectLockConfiguration = absent('ObjectLockConfigurationNotFoundError');
export const getPublicAccessBlock = absent('NoSuchPublicAccessBlockConfiguration');
export const getBucketEncryption = absent('ServerSideEncryptionConfigurationNotFoundError');
/** Analytics, inventory, metrics and intelligent-tiering configurations by id. */
export const getConfigurationById = absent('NoSuchConfiguration');

export function getBucketLogging(): S3Response {
  return xmlAnswer('BucketLoggingStatus');
}

export function getBucketNotificationConfiguration(): S3Response {
  return xmlAnswer('NotificationConfiguration');
}

export function getBucketAccelerateConfiguration(): S3Response {
  return xmlAnswer('AccelerateConfiguration');
}

export function getBucketRequestPayment(): S3Response {
  return xmlAnswer('RequestPaymentConfiguration', element('Payer', 'BucketOwner'));
}

export function getBucketAbac(): S3Response {
  return xmlAnswer('AbacStatus', element('Status', 'Disabled'));
}

function emptyList(root: string): () => S3Response {
  return () => xmlAnswer(root, element('IsTruncated', false));
}

export const listBucketAnalyticsConfigurations = emptyList(
  'ListBucketAnalyticsConfigurationResult',
);
export const listBucketInventoryConfigurations = emptyList('ListInventoryConfigurationsResult');
export const listBucketMetricsConfigurations = emptyList('ListMetricsConfigurationsResult');
export const listBucketIntelligentTieringConfigurations = emptyList(
  'ListBucketIntelligentTieringConfigurationsOutput',
);

/** Retention and legal hold of an object in a bucket without object lock. */
export function getObjectLock(request: S3Request, services: Services): S3Response {
  const { key, query } = request;
  findVersion(services.namespace, lookOf(request), key, query.get('versionId'));
  throw new S3Error('InvalidRequest', {
    message: 'Bucket is missing Object Lock Configuration',
  });
}

/** Torrents were never made here; S3 answers so for any object that it has none of. */
export function getObjectTorrent(request: S3Request, services: Services): S3Response {
  findVersion(services.namespace, lookOf(request), request.key, undefined);
  throw new S3Error('NoSuchKey', { fields: { Key: request.key } });
}
