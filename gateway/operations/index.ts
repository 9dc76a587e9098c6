/**
 * THE operation table: one row per S3 action. The type forces a row for every name of `S3Action`, so
 * that a forgotten one does not compile; a row without handler is answered NotImplemented by name.
 * Which row a request belongs to is decided by level, method, sub-resources and header: of the rows
 * that match, the one that asks for most (no two ask for the same; index.test.ts holds that).
 */
import { getBucketAcl, getObjectAcl, putBucketAcl, putObjectAcl } from './acl.ts';
import type { S3Action } from './actions.ts';
import { deleteBucketTagging, getBucketTagging, putBucketTagging } from './bucket-tagging.ts';
import {
  createBucket,
  deleteBucket,
  getBucketLocation,
  headBucket,
  listBuckets,
} from './buckets.ts';
import { copyObject, uploadPartCopy } from './copy.ts';
import { deleteBucketCors, getBucketCors, optionsObject, putBucketCors } from './cors.ts';
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
import type { Operation } from './operation.ts';
import {
  deleteBucketOwnershipControls,
  getBucketOwnershipControls,
  putBucketOwnershipControls,
} from './ownership.ts';
import { postObject } from './post-object.ts';
import { putObject } from './put-object.ts';
import {
  maxSettingsBytes,
  ofBucket,
  ofObject,
  putOfBucket,
  type Row,
  row,
  settings,
  xml,
} from './rows.ts';
import { deleteObjectTagging, getObjectTagging, putObjectTagging } from './tagging.ts';
import * as unconfigured from './unconfigured.ts';
import { getBucketVersioning, putBucketVersioning } from './versioning.ts';

export type { S3Action } from './actions.ts';

/** 1000 keys of 1024 bytes, each byte written as a reference of six, and their markup. */
const maxDeleteBytes = 8 * 1024 * 1024;
/** 10,000 parts with ETag and a checksum each, indented. */
const maxCompleteBytes = 8 * 1024 * 1024;

const rows: { readonly [Action in S3Action]: Row } = {
  ListBuckets: row('service', 'GET', 'ListAllMyBuckets', 'signed', listBuckets),

  CreateBucket: row('bucket', 'PUT', 'CreateBucket', 'signed', createBucket, {
    ...xml(maxSettingsBytes),
    createsBucket: true,
  }),
  HeadBucket: row('bucket', 'HEAD', 'ListBucket', 'bucket:READ', headBucket),
  DeleteBucket: row('bucket', 'DELETE', 'DeleteBucket', 'bucket-owner', deleteBucket),
  GetBucketLocation: ofBucket('GET', 'location', 'GetBucketLocation', getBucketLocation),
  CreateSession: ofBucket('GET', 'session', 'CreateSession'),

  PutObject: row('object', 'PUT', 'PutObject', 'bucket:WRITE', putObject, { body: 'stream' }),
  CopyObject: row('object', 'PUT', 'PutObject', 'bucket:WRITE', copyObject, {
    header: 'x-amz-copy-source',
  }),
  GetObject: row('object', 'GET', 'GetObject', 'object:READ', getObject),
  HeadObject: row('object', 'HEAD', 'GetObject', 'object:READ', headObject),
  DeleteObject: row('object', 'DELETE', 'DeleteObject', 'bucket:WRITE', deleteObject),
  DeleteObjects: row(
    'bucket',
    'POST',
    'DeleteObject',
    'each-key',
    deleteObjects,
    xml(maxDeleteBytes, { query: ['delete'], requiresDigest: true }),
  ),
  GetObjectAttributes: ofObject(
    'GET',
    'attributes',
    'GetObjectAttributes',
    'object:READ',
    getObjectAttributes,
  ),
  RenameObject: ofObject('PUT', 'renameObject', 'RenameObject', 'bucket-owner'),
  RestoreObject: ofObject('POST', 'restore', 'RestoreObject', 'bucket-owner'),
  SelectObjectContent: ofObject('POST', 'select', 'GetObject', 'bucket-owner'),
  GetObjectTorrent: ofObject(
    'GET',
    'torrent',
    'GetObject',
    'object:READ',
    unconfigured.getObjectTorrent,
  ),
  UpdateObjectEncryption: ofObject('PUT', 'encryption', 'UpdateObjectEncryption', 'bucket-owner'),
  PostObject: row('bucket', 'POST', 'PutObject', 'bucket:WRITE', postObject, { body: 'form' }),
  OptionsObject: row('object', 'OPTIONS', 'GetObject', 'anyone', optionsObject, {
    alsoAt: ['bucket', 'service'],
    isUnsigned: true,
  }),

  ListObjects: row('bucket', 'GET', 'ListBucket', 'bucket:READ', listObjects),
  ListObjectsV2: row('bucket', 'GET', 'ListBucket', 'bucket:READ', listObjectsV2, {
    query: ['list-type'],
  }),
  ListObjectVersions: row(
    'bucket',
    'GET',
    'ListBucketVersions',
    'bucket:READ',
    listObjectVersions,
    { query: ['versions'] },
  ),

  CreateMultipartUpload: ofObject(
    'POST',
    'uploads',
    'PutObject',
    'bucket:WRITE',
    createMultipartUpload,
  ),
  UploadPart: row('object', 'PUT', 'PutObject', 'bucket:WRITE', uploadPart, {
    query: ['partNumber', 'uploadId'],
    body: 'stream',
  }),
  UploadPartCopy: row('object', 'PUT', 'PutObject', 'bucket:WRITE', uploadPartCopy, {
    query: ['partNumber', 'uploadId'],
    header: 'x-amz-copy-source',
  }),
  CompleteMultipartUpload: row(
    'object',
    'POST',
    'PutObject',
    'bucket:WRITE',
    completeMultipartUpload,
    xml(maxCompleteBytes, { query: ['uploadId'], checksumsOfObject: true }),
  ),
  AbortMultipartUpload: ofObject(
    'DELETE',
    'uploadId',
    'AbortMultipartUpload',
    'upload',
    abortMultipartUpload,
  ),
  ListParts: ofObject('GET', 'uploadId', 'ListMultipartUploadParts', 'upload', listParts),
  ListMultipartUploads: row(
    'bucket',
    'GET',
    'ListBucketMultipartUploads',
    'bucket:READ',
    listMultipartUploads,
    { query: ['uploads'] },
  ),

  GetObjectTagging: ofObject(
    'GET',
    'tagging',
    'GetObjectTagging',
    'bucket-owner',
    getObjectTagging,
  ),
  PutObjectTagging: row(
    'object',
    'PUT',
    'PutObjectTagging',
    'bucket-owner',
    putObjectTagging,
    settings('tagging'),
  ),
  DeleteObjectTagging: ofObject(
    'DELETE',
    'tagging',
    'DeleteObjectTagging',
    'bucket-owner',
    deleteObjectTagging,
  ),
  GetObjectAnnotation: ofObject(
    'GET',
    'annotation&annotationName',
    'GetObjectAnnotation',
    'bucket-owner',
  ),
  PutObjectAnnotation: ofObject('PUT', 'annotation', 'PutObjectAnnotation', 'bucket-owner'),
  DeleteObjectAnnotation: ofObject(
    'DELETE',
    'annotation',
    'DeleteObjectAnnotation',
    'bucket-owner',
  ),
  ListObjectAnnotations: ofObject('GET', 'annotation', 'ListObjectAnnotations', 'bucket-owner'),
  GetObjectAcl: ofObject('GET', 'acl', 'GetObjectAcl', 'object:READ_ACP', getObjectAcl),
  PutObjectAcl: row(
    'object',
    'PUT',
    'PutObjectAcl',
    'object:WRITE_ACP',
    putObjectAcl,
    settings('acl'),
  ),
  GetObjectLegalHold: ofObject(
    'GET',
    'legal-hold',
    'GetObjectLegalHold',
    'bucket-owner',
    unconfigured.getObjectLock,
  ),
  PutObjectLegalHold: ofObject('PUT', 'legal-hold', 'PutObjectLegalHold', 'bucket-owner'),
  GetObjectRetention: ofObject(
    'GET',
    'retention',
    'GetObjectRetention',
    'bucket-owner',
    unconfigured.getObjectLock,
  ),
  PutObjectRetention: ofObject('PUT', 'retention', 'PutObjectRetention', 'bucket-owner'),
  GetObjectLockConfiguration: ofBucket(
    'GET',
    'object-lock',
    'GetBucketObjectLockConfiguration',
    unconfigured.getObjectLockConfiguration,
  ),
  PutObjectLockConfiguration: ofBucket('PUT', 'object-lock', 'PutBucketObjectLockConfiguration'),

  GetBucketVersioning: ofBucket('GET', 'versioning', 'GetBucketVersioning', getBucketVersioning),
  PutBucketVersioning: putOfBucket('versioning', 'PutBucketVersioning', putBucketVersioning),
  GetBucketAbac: ofBucket('GET', 'abac', 'GetBucketAbac', unconfigured.getBucketAbac),
  PutBucketAbac: ofBucket('PUT', 'abac', 'PutBucketAbac'),
  GetBucketAccelerateConfiguration: ofBucket(
    'GET',
    'accelerate',
    'GetAccelerateConfiguration',
    unconfigured.getBucketAccelerateConfiguration,
  ),
  PutBucketAccelerateConfiguration: ofBucket('PUT', 'accelerate', 'PutAccelerateConfiguration'),
  GetBucketAcl: row('bucket', 'GET', 'GetBucketAcl', 'bucket:READ_ACP', getBucketAcl, {
    query: ['acl'],
  }),
  PutBucketAcl: row(
    'bucket',
    'PUT',
    'PutBucketAcl',
    'bucket:WRITE_ACP',
    putBucketAcl,
    settings('acl'),
  ),
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
  GetBucketCors: ofBucket('GET', 'cors', 'GetBucketCORS', getBucketCors),
  PutBucketCors: putOfBucket('cors', 'PutBucketCORS', putBucketCors),
  DeleteBucketCors: ofBucket('DELETE', 'cors', 'PutBucketCORS', deleteBucketCors),
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
    getBucketOwnershipControls,
  ),
  PutBucketOwnershipControls: putOfBucket(
    'ownershipControls',
    'PutBucketOwnershipControls',
    putBucketOwnershipControls,
  ),
  DeleteBucketOwnershipControls: ofBucket(
    'DELETE',
    'ownershipControls',
    'PutBucketOwnershipControls',
    deleteBucketOwnershipControls,
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
  GetBucketTagging: ofBucket('GET', 'tagging', 'GetBucketTagging', getBucketTagging),
  PutBucketTagging: putOfBucket('tagging', 'PutBucketTagging', putBucketTagging),
  DeleteBucketTagging: ofBucket('DELETE', 'tagging', 'PutBucketTagging', deleteBucketTagging),
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
