/** How the rows of the operation table are written down. */
import type { Access, Level, Operation } from './operation.ts';

/** Documents of a bucket's settings; S3 gives no figure, its largest (a policy) is 20 KB. */
export const maxSettingsBytes = 64 * 1024;

export type Row = Omit<Operation, 'name'>;
type Handler = Operation['handler'];

type RowOptions = Partial<Omit<Row, 'level' | 'method' | 'iamAction' | 'access' | 'handler'>>;

export function row(
  level: Level,
  method: Operation['method'],
  iamAction: string,
  access: Access,
  handler: Handler,
  options: RowOptions = {},
): Row {
  return {
    level,
    method,
    iamAction: `s3:${iamAction}`,
    access,
    body: 'none',
    ...options,
    ...(handler === undefined ? {} : { handler }),
  };
}

/** A setting of a bucket, its owner's alone: `?cors`, or `?metrics&id=`. */
export function ofBucket(
  method: Operation['method'],
  query: string,
  iamAction: string,
  handler?: Handler,
): Row {
  return row('bucket', method, iamAction, 'bucket-owner', handler, { query: query.split('&') });
}

/** The same as a document that is put. */
export function putOfBucket(query: string, iamAction: string, handler: Handler): Row {
  return row('bucket', 'PUT', iamAction, 'bucket-owner', handler, settings(query));
}

/** A sub-resource of an object: `?acl`. */
export function ofObject(
  method: Operation['method'],
  query: string,
  iamAction: string,
  access: Access,
  handler?: Handler,
): Row {
  return row('object', method, iamAction, access, handler, { query: query.split('&') });
}

export function xml(maxDocumentBytes: number, options: RowOptions = {}): RowOptions {
  return { body: 'xml', maxDocumentBytes, ...options };
}

/** The document of a sub-resource. */
export function settings(query: string): RowOptions {
  return xml(maxSettingsBytes, { query: [query] });
}
