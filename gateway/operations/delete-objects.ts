/** DeleteObjects: up to 1000 keys or versions, each with its own outcome. */

import type { Bucket } from '../namespace/namespace.ts';
import { type Deleted, type DeleteRequest, deleteOne } from '../objects/delete.ts';
import { presentBucket } from '../objects/find.ts';
import { parseDeleteConditions } from '../s3/conditions.ts';
import { S3Error } from '../s3/errors.ts';
import { checkKey } from '../s3/names.ts';
import { element, type Fragment, optional } from '../s3/xml.ts';
import { children, childText, parseLargeXml, requiredText, type XmlNode } from '../s3/xml-parse.ts';
import type { Services } from '../services.ts';
import { xmlAnswer } from './answers.ts';
import type { S3Request, S3Response } from './operation.ts';
import { loadedBucket, requesterId } from './request.ts';
import { refuseUnsupported } from './unsupported.ts';

/** API_DeleteObjects: "The request can contain a list of up to 1,000 keys". */
const maxObjects = 1000;
/** A commit holds the write lock that all share: a slice of this many keys takes some milliseconds. */
const keysPerCommit = 250;

/** An `<Object>` as it was sent. */
interface Entry {
  readonly key: string;
  readonly versionId: string | undefined;
  readonly node: XmlNode;
}

type Outcome = { readonly deleted: Deleted } | { readonly error: S3Error };

export async function deleteObjects(request: S3Request, services: Services): Promise<S3Response> {
  const bucket = loadedBucket(request);
  refuseUnsupported(request.headers);
  const root = await parseLargeXml(request.document, 'Delete');
  const isQuiet = parseQuiet(childText(root, 'Quiet'));
  const entries = children(root, 'Object').map(parseEntry);
  if (entries.length === 0 || entries.length > maxObjects) throw new S3Error('MalformedXML');
  const results: Fragment[] = [];
  for (let at = 0; at < entries.length; at += keysPerCommit) {
    const slice = entries.slice(at, at + keysPerCommit);
    const outcomes = await deleteSlice(services, bucket, slice, requesterId(request));
    for (const [index, entry] of slice.entries()) {
      const outcome = outcomes[index];
      if (outcome === undefined) throw new Error('an entry has no outcome');
      if ('error' in outcome) results.push(errorResult(entry, outcome.error));
      else if (!isQuiet) results.push(deletedResult(entry, outcome.deleted));
    }
  }
  return xmlAnswer('DeleteResult', results);
}

function parseQuiet(text: string | undefined): boolean {
  const value = text?.trim().toLowerCase() ?? 'false';
  if (value !== 'true' && value !== 'false') throw new S3Error('MalformedXML');
  return value === 'true';
}

function parseEntry(node: XmlNode): Entry {
  const key = requiredText(node, 'Key');
  if (key === '') throw new S3Error('MalformedXML');
  const versionId = childText(node, 'VersionId');
  return { key, versionId: versionId === '' ? undefined : versionId, node };
}

async function deleteSlice(
  services: Services,
  bucket: Bucket,
  entries: readonly Entry[],
  requester: string,
): Promise<Outcome[]> {
  const { blobseer, namespace } = services;
  const wanted = entries.map((entry) => judged(services, entry, requester));
  return await blobseer.store.commit((transaction) => {
    const present = presentBucket(namespace, bucket);
    return wanted.map((request) =>
      'error' in request
        ? request
        : perKey(() => ({ deleted: deleteOne(services, transaction, present, request) })),
    );
  });
}

function judged(
  { namespace }: Services,
  { key, versionId, node }: Entry,
  requester: string,
): DeleteRequest | { readonly error: S3Error } {
  return perKey(() => {
    checkKey(key);
    if (versionId !== undefined && !namespace.isVersionId(versionId)) {
      throw new S3Error('NoSuchVersion', {
        message: 'The version ID specified in the request is invalid.',
      });
    }
    const conditions = parseDeleteConditions({
      etag: childText(node, 'ETag'),
      size: childText(node, 'Size'),
      modified: childText(node, 'LastModifiedTime'),
    });
    return { key, versionId, requesterId: requester, conditions };
  });
}

/** S3's own refusals belong to their key; any other throw undoes the whole slice. */
function perKey<T>(work: () => T): T | { readonly error: S3Error } {
  try {
    return work();
  } catch (error) {
    if (error instanceof S3Error) return { error };
    throw error;
  }
}

function deletedResult({ key, versionId }: Entry, deleted: Deleted): Fragment {
  return element(
    'Deleted',
    element('Key', key),
    optional('VersionId', versionId),
    ...(deleted.isDeleteMarker
      ? [element('DeleteMarker', true), optional('DeleteMarkerVersionId', deleted.versionId)]
      : []),
  );
}

function errorResult({ key, versionId }: Entry, error: S3Error): Fragment {
  return element(
    'Error',
    element('Key', key),
    optional('VersionId', versionId),
    element('Code', error.code),
    element('Message', error.message),
  );
}
