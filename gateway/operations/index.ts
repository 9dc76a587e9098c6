/**
 * THE operation table: one row per S3 action. The type forces a row for every name of `S3Action`, so
 * that a forgotten one does not compile; a row without handler is answered NotImplemented by name.
 * Which row a request belongs to is decided by level, method, sub-resources and header: of the rows
 * that match, the one that asks for most (no two ask for the same; index.test.ts holds that).
 */
import type { S3Action } from './actions.ts';
import {
  createBucket,
  deleteBucket,
  getBucketLocation,
  headBucket,
  listBuckets,
} from './buckets.ts';
import { copyObject, uploadPartCopy } from './copy.ts';
import { deleteObject } from './delete-object.ts';
import { deleteObjects } from './delete-objects.ts';
import { getObject, headObject } from './get-object.ts';
import { getObjectAttributes } from './get-object-attributes.ts';
import { listObjectVersions } from './list-object-versions.ts';
import { listObjects, listObjectsV2 } from './list-objects.ts';
import { listMultipartUploads, listParts } from './list-uploads.ts';
import {
  abortMultipartUpload,
  completeMultipartUpload,
  createMultipartUpload,
  uploadPart,
} from './multipart.ts';
import type { Level, Operation } from './operation.ts';
import { putObject } from './put-object.ts';
import { deleteObjectTagging, getObjectTagging, putObjectTagging } from './tagging.ts';
import * as unconfigured from './unconfigured.ts';
import { getBucketVersioning, putBucketVersioning } from './versioning.ts';

export type { S3Action } from './actions.ts';

/** Documents of a bucket's settings; S3 gives no figure, its largest (a policy) is 20 KB. */
const maxSettingsBytes = 64 * 1024;
/** 1000 keys of 1024 bytes, each byte written as a reference of six, and their markup. */
const maxDeleteBytes = 8 * 1024 * 1024;
/** 10,000 parts with ETag and a checksum each, indented. */
const maxCompleteBytes = 8 * 1024 * 1024;

type Row = Omit<Operation, 'name'>;
type Handler = Operation['handler'];

type RowOptions = Partial<Omit<Row, 'level' | 'method' | 'iamAction' | 'handler'>>;

function row(
  level: Level,
  method: Operation['method'],
  iamAction: string,
  handler: Handler,
  options: RowOptions = {},
): Row {
  return {
    level,
    method,
    iamAction: `s3:${iamAction}`,
    body: 'none',
    ...options,
    ...(handler === undefined ? {} : { handler }),
  };
}

/** A sub-resource of a bucket: `?cors`, or `?metrics&id=`. */
function ofBucket(
  method: Operation['method'],
  query: string,
  iamAction: string,
  handler?: Handler,
): Row {
  return row('bucket', method, iamAction, handler, { query: query.split('&') });
}

/** A sub-resource of an object: `?acl`. */
function ofObject(
  method: Operation['method'],
  query: string,
  iamAction: string,
  handler?: Handler,
): Row {
  return row('object', method, iamAction, handler, { query: query.split('&') });
}

function xml(maxDocumentBytes: number, options: RowOptions = {}): RowOptions {
  return { body: 'xml', maxDocumentBytes, ...options };
}

const rows: { readonly [Action in S3Action]: Row } = {
  ListBuckets: row('service', 'GET', 'ListAllMyBuckets', listBuckets),

  CreateBucket: row('bucket', 'PUT', 'CreateBucket', createBucket, {
    ...xml(maxSettingsBytes),
    createsBucket: true,
  }),
  HeadBucket: row('bucket', 'HEAD', 'ListBucket', headBucket),
  DeleteBucket: row('bucket', 'DELETE', 'DeleteBucket', deleteBucket),
  GetBucketLocation: ofBucket('GET', 'location', 'GetBucketLocation', getBucketLocation),
  CreateSession: ofBucket('GET', 'session', 'CreateSession'),

  PutObject: row('object', 'PUT', 'PutObject', putObject, { body: 'stream' }),
  CopyObject: row('object', 'PUT', 'PutObject', copyObject, { header: 'x-amz-copy-source' }),
  GetObject: row('object', 'GET', 'GetObject', getObject),
  HeadObject: row('object', 'HEAD', 'GetObject', headObject),
  DeleteObject: row('object', 'DELETE', 'DeleteObject', deleteObject),
  DeleteObjects: row(
    'bucket',
    'POST',
    'DeleteObject',
    deleteObjects,
    xml(maxDeleteBytes, { query: ['delete'], requiresDigest: true }),
  ),
  GetObjectAttributes: ofObject('GET', 'attributes', 'GetObjectAttributes', getObjectAttributes),
  RenameObject: ofObject('PUT', 'renameObject', 'RenameObject'),
  RestoreObject: ofObject('POST', 'restore', 'RestoreObject'),
  SelectObjectContent: ofObject('POST', 'select', 'GetObject'),
  GetObjectTorrent: ofObject('GET', 'torrent', 'GetObject', unconfigured.getObjectTorrent),
  UpdateObjectEncryption: ofObject('PUT', 'encryption', 'UpdateObjectEncryption'),
  PostObject: row('bucket', 'POST', 'PutObject', undefined),
  OptionsObject: row('object', 'OPTIONS', 'GetObject', undefined),

  ListObjects: row('bucket', 'GET', 'ListBucket', listObjects),
  ListObjectsV2: ofBucket('GET', 'list-type', 'ListBucket', listObjectsV2),
  ListObjectVersions: ofBucket('GET', 'versions', 'ListBucketVersions', listObjectVersions),

  CreateMultipartUpload: ofObject('POST', 'uploads', 'PutObject', createMultipartUpload),
  UploadPart: row('object', 'PUT', 'PutObject', uploadPart, {
    query: ['partNumber', 'uploadId'],
    body: 'stream',
  }),
  UploadPartCopy: row('object', 'PUT', 'PutObject', uploadPartCopy, {
    query: ['partNumber', 'uploadId'],
    header: 'x-amz-copy-source',
  }),
  CompleteMultipartUpload: row(
    'object',
    'POST',
    'PutObject',
    completeMultipartUpload,
    xml(maxCompleteBytes, { query: ['uploadId'], checksumsOfObject: true }),
  ),
  AbortMultipartUpload: ofObject(
    'DELETE',
    'uploadId',
    'AbortMultipartUpload',
    abortMultipartUpload,
  ),
  ListParts: ofObject('GET', 'uploadId', 'ListMultipartUploadParts', listParts),
  ListMultipartUploads: ofBucket(
    'GET',
    'uploads',
    'ListBucketMultipartUploads',
    listMultipartUploads,
  ),

  GetObjectTagging: ofObject('GET', 'tagging', 'GetObjectTagging', getObjectTagging),
  PutObjectTagging: row(
    'object',
    'PUT',
    'PutObjectTagging',
    putObjectTagging,
    xml(maxSettingsBytes, { query: ['tagging'] }),
  ),
  DeleteObjectTagging: ofObject('DELETE', 'tagging', 'DeleteObjectTagging', deleteObjectTagging),
  GetObjectAnnotation: ofObject('GET', 'annotation&annotationName', 'GetObjectAnnotation'),
  PutObjectAnnotation: ofObject('PUT', 'annotation', 'PutObjectAnnotation'),
  DeleteObjectAnnotation: ofObject('DELETE', 'annotation', 'DeleteObjectAnnotation'),
  ListObjectAnnotations: ofObject('GET', 'annotation', 'ListObjectAnnotations'),
  GetObjectAcl: ofObject('GET', 'acl', 'GetObjectAcl', unconfigured.getObjectAcl),
  PutObjectAcl: ofObject('PUT', 'acl', 'PutObjectAcl'),
  GetObjectLegalHold: ofObject(
    'GET',
    'legal-hold',
    'GetObjectLegalHold',
    unconfigured.getObjectLock,
  ),
  PutObjectLegalHold: ofObject('PUT', 'legal-hold', 'PutObjectLegalHold'),
  GetObjectRetention: ofObject(
    'GET',
    'retention',
    'GetObjectRetention',
    unconfigured.getObjectLock,
  ),
  PutObjectRetention: ofObject('PUT', 'retention', 'PutObjectRetention'),
  GetObjectLockConfiguration: ofBucket(
    'GET',
    'object-lock',
    'GetBucketObjectLockConfiguration',
    unconfigured.getObjectLockConfiguration,
  ),
  PutObjectLockConfiguration: ofBucket('PUT', 'object-lock', 'PutBucketObjectLockConfiguration'),

  GetBucketVersioning: ofBucket('GET', 'versioning', 'GetBucketVersioning', getBucketVersioning),
  PutBucketVersioning: row(
    'bucket',
    'PUT',
    'PutBucketVersioning',
    putBucketVersioning,
    xml(maxSettingsBytes, { query: ['versioning'] }),
  ),
  GetBucketAbac: ofBucket('GET', 'abac', 'GetBucketAbac', unconfigured.getBucketAbac),
  PutBucketAbac: ofBucket('PUT', 'abac', 'PutBucketAbac'),
  GetBucketAccelerateConfiguration: ofBucket(
    'GET',
    'accelerate',
    'GetAccelerateConfiguration',
    unconfigured.getBucketAccelerateConfiguration,
  ),
  PutBucketAccelerateConfiguration: ofBucket('PUT', 'accelerate', 'PutAccelerateConfiguration'),
  GetBucketAcl: ofBucket('GET', 'acl', 'GetBucketAcl', unconfigured.getBucketAcl),
  PutBucketAcl: ofBucket('PUT', 'acl', 'PutBucketAcl'),
  GetBucketAnalyticsConfiguration: ofBucket(
    'GET',
    'analytics&id',
    'GetAnalyticsConfiguration',
    unconfigured.getConfigurationById,
  ),
  PutBucketAnalyticsConfiguration: ofBucket('PUT', 'analytics', 'PutAnalyticsConfiguration'),
  DeleteBucketAnalyticsConfiguration: ofBucket('DELETE', 'analytics', 'PutAnalyticsConfiguration'),
  ListBucketAnalyticsConfigurations: ofBucket(
    'GET',
    'analytics',
    'GetAnalyticsConfiguration',
    unconfigured.listBucketAnalyticsConfigurations,
  ),
  GetBucketCors: ofBucket('GET', 'cors', 'GetBucketCORS', unconfigured.getBucketCors),
  PutBucketCors: ofBucket('PUT', 'cors', 'PutBucketCORS'),
  DeleteBucketCors: ofBucket('DELETE', 'cors', 'PutBucketCORS'),
  GetBucketEncryption: ofBucket(
    'GET',
    'encryption',
    'GetEncryptionConfiguration',
    unconfigured.getBucketEncryption,
  ),
  PutBucketEncryption: ofBucket('PUT', 'encryption', 'PutEncryptionConfiguration'),
  DeleteBucketEncryption: ofBucket('DELETE', 'encryption', 'PutEncryptionConfiguration'),
  GetBucketIntelligentTieringConfiguration: ofBucket(
    'GET',
    'intelligent-tiering&id',
    'GetIntelligentTieringConfiguration',
    unconfigured.getConfigurationById,
  ),
  PutBucketIntelligentTieringConfiguration: ofBucket(
    'PUT',
    'intelligent-tiering',
    'PutIntelligentTieringConfiguration',
  ),
  DeleteBucketIntelligentTieringConfiguration: ofBucket(
    'DELETE',
    'intelligent-tiering',
    'PutIntelligentTieringConfiguration',
  ),
  ListBucketIntelligentTieringConfigurations: ofBucket(
    'GET',
    'intelligent-tiering',
    'GetIntelligentTieringConfiguration',
    unconfigured.listBucketIntelligentTieringConfigurations,
  ),
  GetBucketInventoryConfiguration: ofBucket(
    'GET',
    'inventory&id',
    'GetInventoryConfiguration',
    unconfigured.getConfigurationById,
  ),
  PutBucketInventoryConfiguration: ofBucket('PUT', 'inventory', 'PutInventoryConfiguration'),
  DeleteBucketInventoryConfiguration: ofBucket('DELETE', 'inventory', 'PutInventoryConfiguration'),
  ListBucketInventoryConfigurations: ofBucket(
    'GET',
    'inventory',
    'GetInventoryConfiguration',
    unconfigured.listBucketInventoryConfigurations,
  ),
  GetBucketLifecycleConfiguration: ofBucket(
    'GET',
    'lifecycle',
    'GetLifecycleConfiguration',
    unconfigured.getBucketLifecycleConfiguration,
  ),
  PutBucketLifecycleConfiguration: ofBucket('PUT', 'lifecycle', 'PutLifecycleConfiguration'),
  DeleteBucketLifecycle: ofBucket('DELETE', 'lifecycle', 'PutLifecycleConfiguration'),
  GetBucketLogging: ofBucket('GET', 'logging', 'GetBucketLogging', unconfigured.getBucketLogging),
  PutBucketLogging: ofBucket('PUT', 'logging', 'PutBucketLogging'),
  CreateBucketMetadataConfiguration: ofBucket(
    'POST',
    'metadataConfiguration',
    'CreateBucketMetadataTableConfiguration',
  ),
  GetBucketMetadataConfiguration: ofBucket(
    'GET',
    'metadataConfiguration',
    'GetBucketMetadataTableConfiguration',
  ),
  DeleteBucketMetadataConfiguration: ofBucket(
    'DELETE',
    'metadataConfiguration',
    'DeleteBucketMetadataTableConfiguration',
  ),
  CreateBucketMetadataTableConfiguration: ofBucket(
    'POST',
    'metadataTable',
    'CreateBucketMetadataTableConfiguration',
  ),
  GetBucketMetadataTableConfiguration: ofBucket(
    'GET',
    'metadataTable',
    'GetBucketMetadataTableConfiguration',
  ),
  DeleteBucketMetadataTableConfiguration: ofBucket(
    'DELETE',
    'metadataTable',
    'DeleteBucketMetadataTableConfiguration',
  ),
  UpdateBucketMetadataAnnotationTableConfiguration: ofBucket(
    'PUT',
    'metadataAnnotationTable',
    'UpdateBucketMetadataAnnotationTableConfiguration',
  ),
  UpdateBucketMetadataInventoryTableConfiguration: ofBucket(
    'PUT',
    'metadataInventoryTable',
    'UpdateBucketMetadataInventoryTableConfiguration',
  ),
  UpdateBucketMetadataJournalTableConfiguration: ofBucket(
    'PUT',
    'metadataJournalTable',
    'UpdateBucketMetadataJournalTableConfiguration',
  ),
  GetBucketMetricsConfiguration: ofBucket(
    'GET',
    'metrics&id',
    'GetMetricsConfiguration',
    unconfigured.getConfigurationById,
  ),
  PutBucketMetricsConfiguration: ofBucket('PUT', 'metrics', 'PutMetricsConfiguration'),
  DeleteBucketMetricsConfiguration: ofBucket('DELETE', 'metrics', 'PutMetricsConfiguration'),
  ListBucketMetricsConfigurations: ofBucket(
    'GET',
    'metrics',
    'GetMetricsConfiguration',
    unconfigured.listBucketMetricsConfigurations,
  ),
  GetBucketNotificationConfiguration: ofBucket(
    'GET',
    'notification',
    'GetBucketNotification',
    unconfigured.getBucketNotificationConfiguration,
  ),
  PutBucketNotificationConfiguration: ofBucket('PUT', 'notification', 'PutBucketNotification'),
  GetBucketOwnershipControls: ofBucket(
    'GET',
    'ownershipControls',
    'GetBucketOwnershipControls',
    unconfigured.getBucketOwnershipControls,
  ),
  PutBucketOwnershipControls: ofBucket('PUT', 'ownershipControls', 'PutBucketOwnershipControls'),
  DeleteBucketOwnershipControls: ofBucket(
    'DELETE',
    'ownershipControls',
    'PutBucketOwnershipControls',
  ),
  GetBucketPolicy: ofBucket('GET', 'policy', 'GetBucketPolicy', unconfigured.getBucketPolicy),
  PutBucketPolicy: ofBucket('PUT', 'policy', 'PutBucketPolicy'),
  DeleteBucketPolicy: ofBucket('DELETE', 'policy', 'DeleteBucketPolicy'),
  GetBucketPolicyStatus: ofBucket(
    'GET',
    'policyStatus',
    'GetBucketPolicyStatus',
    unconfigured.getBucketPolicy,
  ),
  GetBucketReplication: ofBucket(
    'GET',
    'replication',
    'GetReplicationConfiguration',
    unconfigured.getBucketReplication,
  ),
  PutBucketReplication: ofBucket('PUT', 'replication', 'PutReplicationConfiguration'),
  DeleteBucketReplication: ofBucket('DELETE', 'replication', 'PutReplicationConfiguration'),
  GetBucketRequestPayment: ofBucket(
    'GET',
    'requestPayment',
    'GetBucketRequestPayment',
    unconfigured.getBucketRequestPayment,
  ),
  PutBucketRequestPayment: ofBucket('PUT', 'requestPayment', 'PutBucketRequestPayment'),
  GetBucketTagging: ofBucket('GET', 'tagging', 'GetBucketTagging', unconfigured.getBucketTagging),
  PutBucketTagging: ofBucket('PUT', 'tagging', 'PutBucketTagging'),
  DeleteBucketTagging: ofBucket('DELETE', 'tagging', 'PutBucketTagging'),
  GetBucketWebsite: ofBucket('GET', 'website', 'GetBucketWebsite', unconfigured.getBucketWebsite),
  PutBucketWebsite: ofBucket('PUT', 'website', 'PutBucketWebsite'),
  DeleteBucketWebsite: ofBucket('DELETE', 'website', 'DeleteBucketWebsite'),
  GetPublicAccessBlock: ofBucket(
    'GET',
    'publicAccessBlock',
    'GetBucketPublicAccessBlock',
    unconfigured.getPublicAccessBlock,
  ),
  PutPublicAccessBlock: ofBucket('PUT', 'publicAccessBlock', 'PutBucketPublicAccessBlock'),
  DeletePublicAccessBlock: ofBucket('DELETE', 'publicAccessBlock', 'PutBucketPublicAccessBlock'),
};

/** The table by action name. */
export const operationTable: { readonly [Action in S3Action]: Operation } = Object.freeze(
  Object.fromEntries(Object.entries(rows).map(([name, row]) => [name, { name, ...row }])),
) as { readonly [Action in S3Action]: Operation };

export const operations: readonly Operation[] = Object.values(operationTable);
