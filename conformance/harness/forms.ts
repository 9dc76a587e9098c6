/**
 * Browser form uploads, written from AWS's pages on POST (sigv4-post-example.html and its
 * neighbours): multipart bodies as they stand on the wire, and policies signed with version 4.
 */
import { createHmac } from 'node:crypto';
import { amzDate, type Endpoint, type RawResponse, send } from './http.ts';

export interface FormPart {
  readonly name: string;
  readonly value: string | Buffer;
  readonly fileName?: string;
  /** Of the part; the object's own is a field. */
  readonly contentType?: string;
}

/** Fields in the order given, a map's entries or pairs with repeats; then the file. */
export type Fields = Readonly<Record<string, string>> | readonly (readonly [string, string])[];

export const formBoundary = '----WebKitFormBoundary7MA4YWxkTrZu0gW';

export function formBody(parts: readonly FormPart[], boundary = formBoundary): Buffer {
  const pieces: Buffer[] = [];
  for (const { name, value, fileName, contentType } of parts) {
    const file = fileName === undefined ? '' : `; filename="${fileName}"`;
    const type = contentType === undefined ? '' : `Content-Type: ${contentType}\r\n`;
    const head = `--${boundary}\r\nContent-Disposition: form-data; name="${name}"${file}\r\n${type}\r\n`;
    pieces.push(Buffer.from(head), Buffer.from(value as string), Buffer.from('\r\n'));
  }
  pieces.push(Buffer.from(`--${boundary}--\r\n`));
  return Buffer.concat(pieces);
}

export function partsOf(fields: Fields): FormPart[] {
  const pairs = Array.isArray(fields) ? fields : Object.entries(fields);
  return pairs.map(([name, value]) => ({ name, value }));
}

export interface FilePart {
  readonly content: string | Buffer;
  readonly fileName?: string;
}

/** Posts a form to a bucket as a browser does: unsigned but for its policy. */
export async function postForm(
  target: Endpoint,
  bucket: string,
  fields: Fields,
  file: FilePart,
): Promise<RawResponse> {
  const { content, fileName = 'file.txt' } = file;
  const parts = [
    ...partsOf(fields),
    { name: 'file', value: content, fileName, contentType: 'x/y' },
  ];
  return await postBody(target, bucket, formBody(parts));
}

/** Posts whatever bytes there are as a form. */
export async function postBody(
  target: Endpoint,
  bucket: string,
  body: Buffer,
  headers: Readonly<Record<string, string>> = {},
): Promise<RawResponse> {
  return await send(target, {
    method: 'POST',
    path: `/${bucket}`,
    exactHeaders: true,
    headers: {
      Host: new URL(target.endpoint).host,
      'Content-Type': `multipart/form-data; boundary=${formBoundary}`,
      'Content-Length': String(body.length),
      ...headers,
    },
    body,
  });
}

export interface PolicyOptions {
  readonly expiresInMs?: number;
  /** Instead of the date that `expiresInMs` gives. */
  readonly expiration?: unknown;
  /** The document itself; `conditions` are not looked at. */
  readonly document?: string;
}

/**
 * The fields that authenticate a form: its policy of the given conditions, the signature and what it
 * needs; conditions for the latter are added.
 */
export function signedPolicy(
  target: Endpoint,
  conditions: readonly unknown[],
  options: PolicyOptions = {},
): Record<string, string> {
  const { accessKeyId, secretAccessKey } = target.credentials;
  const nowMs = Date.now();
  const date = amzDate(nowMs);
  const day = date.slice(0, 8);
  const credential = `${accessKeyId}/${day}/${target.region}/s3/aws4_request`;
  const signing = {
    'x-amz-algorithm': 'AWS4-HMAC-SHA256',
    'x-amz-credential': credential,
    'x-amz-date': date,
  };
  const expiration =
    options.expiration ?? new Date(nowMs + (options.expiresInMs ?? 600_000)).toISOString();
  const document =
    options.document ??
    JSON.stringify({
      expiration,
      conditions: [
        ...conditions,
        ...Object.entries(signing).map(([name, value]) => ({ [name]: value })),
      ],
    });
  const policy = Buffer.from(document).toString('base64');
  const key = [day, target.region, 's3', 'aws4_request'].reduce<Buffer | string>(
    (signer, text) => createHmac('sha256', signer).update(text).digest(),
    `AWS4${secretAccessKey}`,
  );
  const signature = createHmac('sha256', key).update(policy).digest('hex');
  return { ...signing, policy, 'x-amz-signature': signature };
}

/** As `signedPolicy` with version 2, which signs the policy as it stands and needs no conditions. */
export function version2Policy(
  target: Endpoint,
  conditions: readonly unknown[],
): Record<string, string> {
  const { accessKeyId, secretAccessKey } = target.credentials;
  const expiration = new Date(Date.now() + 600_000).toISOString();
  const policy = Buffer.from(JSON.stringify({ expiration, conditions })).toString('base64');
  const signature = createHmac('sha1', secretAccessKey).update(policy).digest('base64');
  return { AWSAccessKeyId: accessKeyId, policy, signature };
}

/** Conditions under which a form of these fields is allowed, whatever they hold. */
export function anyOf(bucket: string, fields: Readonly<Record<string, string>>): unknown[] {
  return [{ bucket }, ...Object.keys(fields).map((name) => ['starts-with', `$${name}`, ''])];
}

/** Posts fields under a policy of the given conditions; by default one that allows them all. */
export async function postSigned(
  target: Endpoint,
  bucket: string,
  fields: Readonly<Record<string, string>>,
  conditions: readonly unknown[] = anyOf(bucket, fields),
  file: FilePart = { content: 'bar' },
): Promise<RawResponse> {
  return await postForm(target, bucket, { ...fields, ...signedPolicy(target, conditions) }, file);
}
