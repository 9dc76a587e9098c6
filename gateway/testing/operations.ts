/** Made-up operations that show what the pipeline hands to a handler and what it does with answers. */
import { createHash } from 'node:crypto';
import { BlobSeerError } from '../../blobseer-client/index.ts';
import type { Operation, S3Request, S3Response } from '../operations/operation.ts';
import { S3Error } from '../s3/errors.ts';

const row = (
  name: string,
  level: Operation['level'],
  method: Operation['method'],
  rest: Partial<Operation>,
): Operation => ({
  name,
  iamAction: `s3:${name}`,
  access: level === 'service' || rest.createsBucket === true ? 'signed' : 'bucket-owner',
  level,
  method,
  body: 'none',
  ...rest,
});

/** What arrived, as JSON. */
function echo(name: string) {
  return (request: S3Request): S3Response => ({
    status: 200,
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({
      name,
      bucket: request.bucket,
      key: request.key,
      record: request.bucketRecord?.id,
      user: request.identity?.userId,
      query: request.query.entries,
      document: request.document.toString(),
      decodedLength: request.decodedLength,
      origin: request.origin,
    }),
  });
}

async function receive(request: S3Request): Promise<S3Response> {
  if (request.key === 'refuse') throw new S3Error('EntityTooLarge');
  if (request.key === 'full') throw new BlobSeerError('no-space', 'the disk is full');
  const hash = createHash('sha256');
  for await (const piece of request.body) hash.update(piece);
  const trailers = JSON.stringify(Object.fromEntries(request.trailers));
  return { status: 200, headers: { ETag: hash.digest('hex'), 'x-trailers': trailers } };
}

async function* pieces(key: string, signal: AbortSignal): AsyncGenerator<Buffer> {
  if (key === 'corrupt-first') throw new BlobSeerError('corrupt', 'page 7 is damaged');
  yield Buffer.alloc(1000, 'a');
  if (key === 'corrupt-later') throw new BlobSeerError('corrupt', 'page 8 is damaged');
  while (key === 'endless' && !signal.aborted) yield Buffer.alloc(100_000, 'b');
  yield Buffer.alloc(1000, 'c');
}

function send(request: S3Request): S3Response {
  if (request.key === 'absent') throw new S3Error('NoSuchKey', { fields: { Key: 'absent' } });
  if (request.key === 'unchanged') throw new S3Error('NotModified', { headers: { ETag: '"e"' } });
  if (request.key === 'bug') throw new TypeError('x is not a function: secret-detail');
  if (request.key === 'empty') {
    return { status: 200, headers: { 'Content-Type': 'text/plain' }, body: '' };
  }
  const headers: Record<string, string> = { 'Content-Type': 'text/plain' };
  if (request.key !== 'endless') headers['Content-Length'] = '2000';
  return {
    status: 200,
    headers,
    body: pieces(request.key, request.signal),
  };
}

export const testOperations: readonly Operation[] = [
  row('ListBuckets', 'service', 'GET', { handler: echo('ListBuckets') }),
  row('CreateBucket', 'bucket', 'PUT', {
    handler: echo('CreateBucket'),
    body: 'xml',
    createsBucket: true,
  }),
  row('DeleteBucket', 'bucket', 'DELETE', { handler: () => ({ status: 204, headers: {} }) }),
  row('ListObjects', 'bucket', 'GET', { handler: echo('ListObjects') }),
  row('GetBucketVersioning', 'bucket', 'GET', {
    handler: echo('GetBucketVersioning'),
    query: ['versioning'],
  }),
  row('PutBucketVersioning', 'bucket', 'PUT', {
    handler: echo('PutBucketVersioning'),
    query: ['versioning'],
    body: 'xml',
    maxDocumentBytes: 1000,
  }),
  row('PutBucketCors', 'bucket', 'PUT', { query: ['cors'] }),
  row('GetObject', 'object', 'GET', { handler: send }),
  row('HeadObject', 'object', 'HEAD', { handler: send }),
  row('PutObject', 'object', 'PUT', { handler: receive, body: 'stream' }),
  row('CopyObject', 'object', 'PUT', {
    handler: echo('CopyObject'),
    header: 'x-amz-copy-source',
  }),
  row('UploadPart', 'object', 'PUT', {
    handler: echo('UploadPart'),
    query: ['partNumber', 'uploadId'],
    body: 'stream',
  }),
  row('UploadPartCopy', 'object', 'PUT', {
    handler: echo('UploadPartCopy'),
    query: ['partNumber', 'uploadId'],
    header: 'x-amz-copy-source',
  }),
  row('CompleteMultipartUpload', 'object', 'POST', {
    handler: echo('CompleteMultipartUpload'),
    query: ['uploadId'],
    body: 'xml',
    checksumsOfObject: true,
  }),
];
