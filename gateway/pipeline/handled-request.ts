/**
 * What a handler sees of a request. A class, since every request makes one: an object put together with a
 * getter in it gets a shape of its own each time, and all that read it are slow.
 */
import type { Authenticated } from '../auth/authenticate.ts';
import type { Bucket } from '../namespace/namespace.ts';
import type { Access, Headers, Query, S3Request } from '../operations/operation.ts';
import type { FormFields } from '../s3/form-fields.ts';
import type { DecodedBody } from './body.ts';
import type { Exchange } from './exchange.ts';

export interface RequestParts {
  readonly bucket: string;
  readonly key: string;
  readonly bucketRecord: Bucket | undefined;
  readonly query: Query;
  readonly headers: Headers;
  readonly access: Access;
  readonly authenticated: Authenticated;
  readonly form: FormFields | undefined;
  readonly decoded: DecodedBody;
}

export class HandledRequest implements S3Request {
  readonly requestId: string;
  readonly hostId: string;
  readonly method: string;
  readonly resource: string;
  readonly bucket: string;
  readonly key: string;
  readonly bucketRecord: S3Request['bucketRecord'];
  readonly query: Query;
  readonly headers: Headers;
  readonly access: Access;
  readonly identity: S3Request['identity'];
  readonly form?: FormFields;
  readonly body: AsyncIterable<Buffer>;
  readonly document: Buffer;
  readonly decodedLength: number | undefined;
  readonly trailers: ReadonlyMap<string, string>;
  readonly payloadSha256?: () => Buffer | undefined;
  readonly secure: boolean;
  readonly #exchange: Exchange;

  constructor(exchange: Exchange, parts: RequestParts) {
    const { authenticated, decoded, form } = parts;
    this.#exchange = exchange;
    this.requestId = exchange.requestId;
    this.hostId = exchange.hostId;
    this.method = exchange.method;
    this.resource = exchange.target.rawPath;
    this.bucket = parts.bucket;
    this.key = parts.key;
    this.bucketRecord = parts.bucketRecord;
    this.query = parts.query;
    this.headers = parts.headers;
    this.access = parts.access;
    this.identity = authenticated.kind === 'signed' ? authenticated.identity : undefined;
    if (form !== undefined) this.form = form;
    this.body = decoded.body;
    this.document = decoded.document;
    this.decodedLength = decoded.decodedLength;
    this.trailers = decoded.trailers;
    if (decoded.payloadSha256 !== undefined) this.payloadSha256 = decoded.payloadSha256;
    this.secure = exchange.secure;
  }

  /** Made when it is asked for. */
  get signal(): AbortSignal {
    return this.#exchange.signal;
  }

  get origin(): string {
    return this.#exchange.origin;
  }
}
