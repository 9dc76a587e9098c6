/**
 * Reads what a request says about its signer, from the Authorization header or from the query of a
 * presigned URL, into one type, and refuses what is malformed, too old or not ours. Nothing is
 * verified here: a claim is only a claim.
 *
 * The order of the checks is S3's, so that a request with several faults gets the answer that S3
 * gives. Parameters and messages: "Authenticating Requests: Using Query Parameters",
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html; the messages of
 * malformed credentials are those that S3 answers.
 */
import { S3Error } from '../s3/errors.ts';
import { amzDate, isAmzDate, isoSeconds, parseAmzDate, parseHeaderDate } from './amz-date.ts';
import { readSigner } from './authorization-header.ts';
import {
  asymmetricAlgorithm,
  authorizationArgument,
  queryError,
  readCredential,
  unsupportedMechanism,
  type Via,
} from './credential.ts';
import { type PayloadKind, parsePayloadHash } from './payload.ts';
import { readSignedHeaders } from './signed-headers.ts';
import { algorithm, type Pair, type Scope, unsignedPayload } from './sigv4.ts';

export const maxSkewMs = 15 * 60 * 1000;
/** A presigned URL lives for seven days at most. */
export const maxExpiresSeconds = 7 * 24 * 60 * 60;

export interface SignedClaim {
  readonly via: Via;
  readonly accessKey: string;
  readonly scope: Scope;
  /** Lower case, sorted. */
  readonly signedHeaders: readonly string[];
  /** As the client gave it, which need not be a signature at all. */
  readonly signature: string;
  /**
   * The request's time as it may stand in the string to sign, the likeliest first: a client that
   * sends only a Date header signs either the ISO form of it or the header's own text.
   */
  readonly dateLines: readonly string[];
  /** The last line of the canonical request. */
  readonly payloadHash: string;
  readonly payload: PayloadKind;
  readonly hasSessionToken: boolean;
}

export interface ClaimInput {
  /** From `canonicalHeaderValues`. */
  readonly headers: ReadonlyMap<string, string>;
  /** From `canonicalParameters`. */
  readonly parameters: readonly Pair[];
  readonly nowMs: number;
  /** Undefined accepts any region. */
  readonly region: string | undefined;
}

export interface Mechanism {
  readonly version: 2 | 4;
  readonly via: Via;
}

/** How a request is signed, undefined for an anonymous one. Throws S3Error. */
export function mechanismOf(
  headers: ReadonlyMap<string, string>,
  parameters: readonly Pair[],
): Mechanism | undefined {
  const authorization = headers.get('authorization');
  const isPresigned = presignedMarks.some((name) => hasParameter(parameters, name));
  const isVersion2Query = version2Marks.every((name) => hasParameter(parameters, name));
  if (Number(authorization !== undefined) + Number(isPresigned) + Number(isVersion2Query) > 1) {
    throw authorizationArgument(
      'Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified',
    );
  }
  if (isVersion2Query) return { version: 2, via: 'query' };
  if (isPresigned) return { version: 4, via: 'query' };
  if (authorization === undefined || authorization === '') return undefined;
  return { version: schemeOf(authorization) === 'AWS' ? 2 : 4, via: 'header' };
}

/** Undefined for an anonymous request. Throws S3Error, for one of version 2 too. */
export function readClaim(input: ClaimInput): SignedClaim | undefined {
  const mechanism = mechanismOf(input.headers, input.parameters);
  if (mechanism === undefined) return undefined;
  if (mechanism.version === 2) throw unsupportedMechanism();
  return mechanism.via === 'query' ? readPresigned(input) : readHeader(input);
}

// --- the Authorization header

function schemeOf(authorization: string): string {
  const space = authorization.indexOf(' ');
  if (space < 0) {
    throw authorizationArgument(
      "Authorization header is invalid -- one and only one ' ' (space) required",
    );
  }
  return authorization.slice(0, space);
}

function readHeader(input: ClaimInput): SignedClaim {
  const authorization = input.headers.get('authorization') ?? '';
  const scheme = schemeOf(authorization);
  if (scheme === asymmetricAlgorithm) throw unsupportedMechanism();
  if (scheme !== algorithm) throw authorizationArgument('Unsupported Authorization Type');

  const payloadHash = input.headers.get('x-amz-content-sha256');
  if (payloadHash === undefined) {
    throw new S3Error('InvalidRequest', {
      message: 'Missing required header for this request: x-amz-content-sha256',
    });
  }
  const payload = parsePayloadHash(payloadHash);

  const amzDateHeader = input.headers.get('x-amz-date');
  const dateText = amzDateHeader ?? input.headers.get('date') ?? '';
  const { timeMs, day, dateLines } = readDate(dateText);
  requireSkewWithin(timeMs, dateText, input.nowMs);

  const { signer, signature } = readSigner({ authorization, region: input.region, day });
  return {
    via: 'header',
    accessKey: signer.accessKey,
    scope: signer.scope,
    signedHeaders: signer.signedHeaders,
    signature,
    dateLines,
    payloadHash,
    payload,
    hasSessionToken: isNonEmpty(input.headers.get('x-amz-security-token')),
  };
}

interface RequestDate {
  readonly text: string;
  readonly timeMs: number;
  /** yyyymmdd */
  readonly day: string;
  readonly dateLines: readonly string[];
}

/** The last one: the requests of one second have the same. */
let lastDate: RequestDate | undefined;

function readDate(text: string): RequestDate {
  if (lastDate?.text === text) return lastDate;
  const timeMs = parseHeaderDate(text);
  if (timeMs === undefined) throw invalidDate();
  const isoDate = isAmzDate(text) ? text : amzDate(timeMs);
  const dateLines = text === isoDate ? [isoDate] : [isoDate, text];
  lastDate = { text, timeMs, day: isoDate.slice(0, 8), dateLines };
  return lastDate;
}

export function invalidDate(): S3Error {
  return new S3Error('AccessDenied', {
    message: 'AWS authentication requires a valid Date or x-amz-date header',
  });
}

/** Throws RequestTimeTooSkewed. `dateText` is the header that said `timeMs`. */
export function requireSkewWithin(timeMs: number, dateText: string, nowMs: number): void {
  if (Math.abs(nowMs - timeMs) <= maxSkewMs) return;
  throw new S3Error('RequestTimeTooSkewed', {
    fields: {
      RequestTime: dateText,
      ServerTime: isoSeconds(nowMs),
      MaxAllowedSkewMilliseconds: String(maxSkewMs),
    },
  });
}

// --- the query of a presigned URL

/**
 * Any of these makes a request presigned. (S3 goes by the first alone and takes a URL without it
 * for anonymous; to name what is missing helps more than AccessDenied.)
 */
const presignedMarks = ['X-Amz-Algorithm', 'X-Amz-Credential', 'X-Amz-Signature'] as const;
/** All of these make it one of version 2: `Signature` alone may be anybody's. */
const version2Marks = ['Signature', 'AWSAccessKeyId'] as const;

function readPresigned(input: ClaimInput): SignedClaim {
  const requestedAlgorithm = parameter(input.parameters, 'X-Amz-Algorithm');
  if (requestedAlgorithm !== undefined && requestedAlgorithm !== algorithm) {
    throw queryError(`X-Amz-Algorithm only supports "${algorithm}"`);
  }
  const credentialText = parameter(input.parameters, 'X-Amz-Credential');
  const signature = parameter(input.parameters, 'X-Amz-Signature');
  const dateText = parameter(input.parameters, 'X-Amz-Date');
  const signedHeaders = parameter(input.parameters, 'X-Amz-SignedHeaders');
  const expiresText = parameter(input.parameters, 'X-Amz-Expires');
  if (
    requestedAlgorithm === undefined ||
    credentialText === undefined ||
    signature === undefined ||
    dateText === undefined ||
    signedHeaders === undefined ||
    expiresText === undefined
  ) {
    throw queryError(
      'Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.',
    );
  }
  const timeMs = parseAmzDate(dateText);
  if (timeMs === undefined) {
    throw queryError("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"");
  }
  checkLifetime(timeMs, expiresText, input.nowMs);

  const credential = readCredential(credentialText, 'query', input.region);
  if (credential.scope.date !== dateText.slice(0, 8)) {
    throw queryError(
      `Invalid credential date "${credential.scope.date}". This date is not the same as X-Amz-Date: "${dateText.slice(0, 8)}".`,
    );
  }
  // A presigner may put the payload's hash into the query, as SDKs do with every header they can.
  const payloadHash =
    input.headers.get('x-amz-content-sha256') ??
    parameter(input.parameters, 'X-Amz-Content-Sha256') ??
    unsignedPayload;
  return {
    via: 'query',
    ...credential,
    signedHeaders: readSignedHeaders(signedHeaders, 'query', input.region),
    signature,
    dateLines: [dateText],
    payloadHash,
    payload: parsePayloadHash(payloadHash),
    hasSessionToken:
      isNonEmpty(parameter(input.parameters, 'X-Amz-Security-Token')) ||
      isNonEmpty(input.headers.get('x-amz-security-token')),
  };
}

function checkLifetime(timeMs: number, expiresText: string, nowMs: number): void {
  if (!/^[+-]?\d{1,18}$/.test(expiresText)) throw queryError('X-Amz-Expires should be a number');
  const expiresSeconds = Number(expiresText);
  if (expiresSeconds < 0) throw queryError('X-Amz-Expires must be non-negative');
  if (expiresSeconds > maxExpiresSeconds) {
    throw queryError(
      `X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than ${maxExpiresSeconds} seconds`,
    );
  }
  const expiresMs = timeMs + expiresSeconds * 1000;
  const times = { Expires: isoSeconds(expiresMs), ServerTime: isoSeconds(nowMs) };
  if (timeMs - nowMs > maxSkewMs) {
    throw new S3Error('AccessDenied', {
      message: 'Request is not yet valid',
      fields: { 'X-Amz-Date': String(timeMs), ...times },
    });
  }
  if (nowMs > expiresMs) {
    throw new S3Error('AccessDenied', {
      message: 'Request has expired',
      fields: { 'X-Amz-Expires': expiresText, ...times },
    });
  }
}

/** Parameters come in canonical encoding; the auth parameters' names consist of unreserved characters. */
function parameter(parameters: readonly Pair[], name: string): string | undefined {
  const found = parameters.find(([candidate]) => candidate === name);
  if (found === undefined) return undefined;
  try {
    return decodeURIComponent(found[1]);
  } catch {
    // Not UTF-8: no valid value of any of them, and refused as such by who asked.
    return found[1];
  }
}

function hasParameter(parameters: readonly Pair[], name: string): boolean {
  return parameters.some(([candidate]) => candidate === name);
}

function isNonEmpty(text: string | undefined): boolean {
  return text !== undefined && text !== '';
}
