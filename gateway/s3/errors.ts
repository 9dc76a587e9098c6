/**
 * S3's errors: the one class that the gateway throws, and the one renderer. Any other throw that
 * reaches the pipeline is a fault of ours and is answered as InternalError. The codes with their
 * statuses and messages are in error-catalogue.ts.
 */
import type { S3ErrorCode } from './error-catalogue.ts';
import { catalogue } from './error-catalogue.ts';
import { element, plainDocument } from './xml.ts';

export type { S3ErrorCode } from './error-catalogue.ts';
export { catalogue } from './error-catalogue.ts';

export interface S3ErrorOptions {
  /** Replaces the catalogue's message. */
  readonly message?: string;
  /** Extra elements of the document, in order: { ArgumentName: 'max-keys', ArgumentValue: '-1' }. */
  readonly fields?: Readonly<Record<string, string>>;
  /** Extra headers of the response: { Allow: 'DELETE' }. */
  readonly headers?: Readonly<Record<string, string>>;
  /** What led to it; logged, never answered. */
  readonly cause?: unknown;
  /** Replaces the catalogue's status, for the few codes that S3 answers with several. */
  readonly status?: number;
}

export class S3Error extends Error {
  readonly code: S3ErrorCode;
  /** HTTP status. */
  readonly status: number;
  readonly fields: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;

  constructor(code: S3ErrorCode, options: S3ErrorOptions = {}) {
    const entry = catalogue[code];
    super(
      options.message ?? entry.message,
      options.cause === undefined ? undefined : { cause: options.cause },
    );
    this.name = 'S3Error';
    this.code = code;
    this.status = options.status ?? entry.status;
    this.fields = options.fields ?? {};
    this.headers = options.headers ?? {};
  }
}

export interface ErrorContext {
  /** The resource as the client named it; left out when absent. */
  readonly resource?: string;
  readonly requestId: string;
  readonly hostId: string;
}

/**
 * The error document. S3's order of elements: Code, Message, the error's own fields, Resource,
 * RequestId, HostId; the root has no namespace (unlike every other answer of S3).
 */
export function renderError(error: S3Error, context: ErrorContext): string {
  return plainDocument(
    'Error',
    element('Code', error.code),
    element('Message', error.message),
    Object.entries(error.fields).map(([name, value]) => element(name, value)),
    context.resource === undefined ? undefined : element('Resource', context.resource),
    element('RequestId', context.requestId),
    element('HostId', context.hostId),
  );
}

/** 400 InvalidArgument that names the argument, the form S3 gives it everywhere. */
export function invalidArgument(name: string, value: string, message?: string): S3Error {
  return new S3Error('InvalidArgument', {
    ...(message === undefined ? {} : { message }),
    fields: { ArgumentName: name, ArgumentValue: value },
  });
}

/** 501 that names the header or sub-resource which asks for what is not built. */
export function notImplemented(header: string, message?: string): S3Error {
  return new S3Error('NotImplemented', {
    ...(message === undefined ? {} : { message }),
    fields: { Header: header },
  });
}
