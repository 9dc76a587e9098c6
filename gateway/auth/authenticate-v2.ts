/**
 * Who signed a request in Signature Version 2, by header (`Authorization: AWS KEY:SIGNATURE`) or by
 * query (`AWSAccessKeyId`, `Expires`, `Signature`). Reached only where the operator has allowed it.
 *
 * In a URL, SDKs put x-amz-* headers, Content-Type and Content-MD5 into the query and sign them as
 * the headers they stand for (botocore's HmacV1QueryAuth, the presigner of SDK JS v2). The pipeline
 * takes such parameters for headers, so all of them must be signed: none can be added to a URL.
 */
import { S3Error } from '../s3/errors.ts';
import { headerName, trimBlanks, unsendable } from '../s3/headers.ts';
import { isoSeconds, parseHeaderDate } from './amz-date.ts';
import type { Authenticated, AuthenticateInput } from './authenticate.ts';
import { authorizationArgument, type Via } from './credential.ts';
import { signatureDoesNotMatch } from './mismatch.ts';
import { invalidDate, requireSkewWithin } from './parse-authorization.ts';
import { type PayloadKind, parsePayloadHash } from './payload.ts';
import {
  amzHeaderLines,
  decodedParameters,
  type Parameter,
  resourceText,
  signaturesV2Equal,
  signatureV2Of,
  signedNames,
  stringToSignV2,
} from './sigv2.ts';
import { algorithm, canonicalPath, type Pair } from './sigv4.ts';

interface Version2Claim {
  readonly accessKey: string;
  readonly signature: string;
  /** Those of the query included that stand for headers. */
  readonly headers: readonly Pair[];
  /** The likeliest first. */
  readonly forms: readonly Form[];
}

/** How the time may stand in the string to sign. */
interface Form {
  readonly dateLine: string;
  readonly amzHeaders: string;
}

/** Throws S3Error for everything that is not verified. */
export function authenticateVersion2(input: AuthenticateInput, via: Via): Authenticated {
  const parameters = decodedParameters(input.rawQuery);
  const claim =
    via === 'header' ? readHeader(input) : readQuery(parameters, input.rawHeaders, input.nowMs);
  const payload = payloadOf(claim.headers);
  // Nothing here gives out temporary credentials, so no token can be a valid one.
  if (isNonEmpty(headerOf(claim.headers, 'x-amz-security-token')))
    throw new S3Error('InvalidToken');
  const credentials = input.lookup(claim.accessKey);
  if (credentials === undefined) {
    throw new S3Error('InvalidAccessKeyId', { fields: { AWSAccessKeyId: claim.accessKey } });
  }
  verify(input, claim, parameters, credentials.secret);
  return { kind: 'signed', identity: credentials.identity, payload };
}

/**
 * Where clients are known to differ there is more than one right string, the likeliest first: the
 * path may be signed as sent or in canonical encoding, a bucket with or without a slash (botocore
 * sends `/b` and signs `/b/`), `uploads=` with or without its equals sign, X-Amz-Date in one of two
 * places. All of them mean the same request.
 */
function verify(
  input: AuthenticateInput,
  claim: Version2Claim,
  parameters: readonly Parameter[],
  secret: string,
): void {
  const { subResources } = input;
  const isSigned = (name: string) => signedNames.has(name) || subResources.has(name);
  const withoutEquals = parameters.map(({ name, value }) => ({ name, value: value || undefined }));
  let likeliest: string | undefined;
  const contentMd5 = headerOf(claim.headers, 'content-md5') ?? '';
  const contentType = headerOf(claim.headers, 'content-type') ?? '';
  const resources = signedPaths(input).flatMap((path) =>
    [parameters, withoutEquals].map((signed) =>
      resourceText({ path, parameters: signed, isSigned }),
    ),
  );
  for (const form of claim.forms) {
    for (const resource of new Set(resources)) {
      const { method } = input;
      const text = stringToSignV2({ method, contentMd5, contentType, ...form, resource });
      if (signaturesV2Equal(signatureV2Of(secret, text), claim.signature)) return;
      likeliest ??= text;
    }
  }
  const { accessKey, signature: provided } = claim;
  throw signatureDoesNotMatch({ accessKey, provided, stringToSign: likeliest ?? '' });
}

function signedPaths({ rawPath, hostBucket }: AuthenticateInput): string[] {
  const sent = hostBucket === undefined ? rawPath : `/${hostBucket}${rawPath}`;
  return [sent, canonicalPath(sent)].flatMap((path) => {
    const bucket = /^(\/[^/]+)\/?$/.exec(path)?.[1];
    if (bucket === undefined) return [path];
    return path === bucket ? [path, `${path}/`] : [path, bucket];
  });
}

// --- the Authorization header

function readHeader(input: AuthenticateInput): Version2Claim {
  const { rawHeaders: headers, nowMs } = input;
  const authorization = headerOf(headers, 'authorization') ?? '';
  const match = /^AWS ([\x21-\x7e]+):([^\s:]+)$/.exec(authorization);
  if (match === null) {
    throw authorizationArgument(
      'AWS authorization header is invalid.  Expected AwsAccessKeyId:signature',
    );
  }
  const amzDate = headerOf(headers, 'x-amz-date');
  const date = headerOf(headers, 'date') ?? '';
  const dateText = amzDate ?? date;
  const timeMs = parseHeaderDate(dateText);
  if (timeMs === undefined) throw invalidDate();
  requireSkewWithin(timeMs, dateText, nowMs);
  return {
    accessKey: match[1] ?? '',
    signature: match[2] ?? '',
    headers,
    forms: amzDate === undefined ? [formOf(date, headers)] : amzDateForms(amzDate, headers),
  };
}

function formOf(dateLine: string, headers: readonly Pair[]): Form {
  return { dateLine, amzHeaders: amzHeaderLines(headers) };
}

/** The text of the documentation has the first form, its example of a DELETE the second. */
function amzDateForms(amzDate: string, headers: readonly Pair[]): Form[] {
  const others = headers.filter(([name]) => name.toLowerCase() !== 'x-amz-date');
  return [formOf('', headers), formOf(amzDate, others)];
}

// --- the query of a presigned URL

function readQuery(
  parameters: readonly Parameter[],
  sent: readonly Pair[],
  nowMs: number,
): Version2Claim {
  const accessKey = onlyValue(parameters, 'AWSAccessKeyId');
  const signature = onlyValue(parameters, 'Signature');
  const expires = onlyValue(parameters, 'Expires');
  if (accessKey === undefined || signature === undefined || expires === undefined) {
    throw new S3Error('AccessDenied', {
      message:
        'Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters',
    });
  }
  if (!/^\d{1,18}$/.test(expires)) {
    throw new S3Error('AccessDenied', {
      message: `Invalid date (should be seconds since epoch): ${expires}`,
    });
  }
  const expiresMs = Number(expires) * 1000;
  if (nowMs > expiresMs) {
    throw new S3Error('AccessDenied', {
      message: 'Request has expired',
      fields: { Expires: isoSeconds(expiresMs), ServerTime: isoSeconds(nowMs) },
    });
  }
  const headers = withParameters(sent, parameters);
  return { accessKey, signature, headers, forms: [formOf(expires, headers)] };
}

/** Undefined where it is absent, empty, or given twice: then no one of them counts. */
function onlyValue(parameters: readonly Parameter[], name: string): string | undefined {
  const [first, second] = parameters.filter((parameter) => parameter.name === name);
  return second === undefined && isNonEmpty(first?.value) ? first?.value : undefined;
}

/**
 * The headers, and of the query what stands for one that was not sent. Throws InvalidArgument for what
 * no header could be, since one string to sign would pass for another: a line break in a value begins
 * the next header, and a colon in the name `x-amz-copy-source:/b/k` makes it sign as the header
 * x-amz-copy-source, which it is not.
 */
function withParameters(sent: readonly Pair[], parameters: readonly Parameter[]): Pair[] {
  const names = new Set(sent.map(([name]) => name.toLowerCase()));
  const standing = new Map<string, string>();
  for (const { name: given, value = '' } of parameters) {
    const name = given.toLowerCase();
    if (names.has(name)) continue;
    if (!name.startsWith('x-amz-') && name !== 'content-type' && name !== 'content-md5') continue;
    // Repeats would be signed as one value with a comma, which is another header's text.
    if (standing.has(name) || !headerName.test(name) || unsendable.test(value)) {
      throw new S3Error('InvalidArgument', { fields: { ArgumentName: given } });
    }
    standing.set(name, value);
  }
  return [...sent, ...standing];
}

// --- both

/** The body is not covered by the signature; a SHA-256 that is given is held against it. */
function payloadOf(headers: readonly Pair[]): PayloadKind {
  const payloadHash = headerOf(headers, 'x-amz-content-sha256');
  if (payloadHash === undefined) return { kind: 'unsigned' };
  const payload = parsePayloadHash(payloadHash);
  if (payload.kind !== 'unsigned' && payload.kind !== 'sha256') {
    throw new S3Error('InvalidRequest', {
      message: `x-amz-content-sha256 ${payloadHash} requires a signature of version 4. Please use ${algorithm}.`,
    });
  }
  return payload;
}

/** Trimmed; repeats joined with a comma, in which form none of these is valid. */
function headerOf(headers: readonly Pair[], name: string): string | undefined {
  const values = headers.filter(([given]) => given.toLowerCase() === name);
  return values.length === 0 ? undefined : values.map(([, value]) => trimBlanks(value)).join(',');
}

function isNonEmpty(text: string | undefined): boolean {
  return text !== undefined && text !== '';
}
