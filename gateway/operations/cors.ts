/** CORS of a bucket: PutBucketCors, GetBucketCors, DeleteBucketCors, and the preflight, OptionsObject. */
import { presentBucket } from '../objects/find.ts';
import {
  allowingHeaders,
  corsRuleElements,
  corsVary,
  decodeCorsRules,
  encodeCorsRules,
  parseCorsConfiguration,
} from '../s3/cors.ts';
import { S3Error } from '../s3/errors.ts';
import type { Services } from '../services.ts';
import { noContent, xmlAnswer } from './answers.ts';
import type { S3Request, S3Response } from './operation.ts';
import { loadedBucket } from './request.ts';

export async function putBucketCors(request: S3Request, services: Services): Promise<S3Response> {
  if (request.document.length === 0) throw new S3Error('MissingRequestBodyError');
  await replaceCors(request, services, encodeCorsRules(parseCorsConfiguration(request.document)));
  return { status: 200, headers: {} };
}

export function getBucketCors(request: S3Request, { namespace }: Services): S3Response {
  const rules = namespace.bucketSetting(loadedBucket(request).id, 'cors');
  if (rules === undefined) {
    throw new S3Error('NoSuchCORSConfiguration', { fields: { BucketName: request.bucket } });
  }
  return xmlAnswer('CORSConfiguration', corsRuleElements(decodeCorsRules(rules)));
}

/** Answers the same where there was none. */
export async function deleteBucketCors(
  request: S3Request,
  services: Services,
): Promise<S3Response> {
  await replaceCors(request, services, undefined);
  return noContent();
}

async function replaceCors(
  request: S3Request,
  { blobseer, namespace }: Services,
  rules: Buffer | undefined,
): Promise<void> {
  await blobseer.store.commit((transaction) => {
    const { id } = presentBucket(namespace, loadedBucket(request));
    namespace.putBucketSetting(transaction, id, 'cors', rules);
  });
}

/**
 * A browser asks whether a page of another origin may send a request. Nobody signs it, so it tells
 * nothing of the object, not even whether there is one. The methods are judged by the rules alone:
 * whoever may ask for PATCH learns that no rule allows it.
 */
export function optionsObject(request: S3Request, { namespace }: Services): S3Response {
  const { headers, key } = request;
  const origin = headers.get('origin');
  if (origin === undefined || origin === '') {
    throw insufficient('Insufficient information. Origin request header needed.');
  }
  const method = headers.get('access-control-request-method') ?? '';
  const refused = (message?: string, resource = key === '' ? 'BUCKET' : 'OBJECT') =>
    new S3Error('AccessForbidden', {
      ...(message === undefined ? {} : { message }),
      fields: { Method: method === '' ? 'OPTIONS' : method, ResourceType: resource },
      headers: corsVary,
    });
  // The service itself has no rules: ListBuckets is no request for a web page.
  if (request.bucket === '') throw refused(undefined, 'SERVICE');
  const bucket = namespace.bucket(request.bucket);
  if (bucket === undefined) throw refused('CORSResponse: Bucket not found', 'BUCKET');
  const rules = namespace.bucketSetting(bucket.id, 'cors');
  if (rules === undefined) {
    throw refused('CORSResponse: CORS is not enabled for this bucket.', 'BUCKET');
  }
  if (method === '') throw insufficient('Invalid Access-Control-Request-Method: null');
  const allowing = allowingHeaders(decodeCorsRules(rules), {
    origin,
    method,
    headers: headers.get('access-control-request-headers'),
  });
  if (allowing === undefined) throw refused();
  return { status: 200, headers: allowing };
}

function insufficient(message: string): S3Error {
  return new S3Error('BadRequest', { message });
}
