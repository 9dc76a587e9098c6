/**
 * How requests of EC2's query interface are signed, as pure functions over the parameters of a form that is
 * sent to the path "/". Version 2 is all that Nimbus and other old clouds know; others know version 4.
 *
 * Sources: "Signature Version 2 signing process" and "Create a signed AWS API request",
 * https://docs.aws.amazon.com/general/latest/gr/signature-version-2.html
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html
 */
import { createHash, createHmac } from 'node:crypto';

export type Parameters = Readonly<Record<string, string>>;

export interface Key {
  readonly accessKey: string;
  /** Secret. */
  readonly secretKey: string;
}

const service = 'ec2';
const algorithm = 'AWS4-HMAC-SHA256';
export const formType = 'application/x-www-form-urlencoded; charset=utf-8';

/** The form with what version 2 adds to it. `host`: as it stands in the request's header. */
export function signedFormV2(parameters: Parameters, host: string, key: Key, time: Date): string {
  const all = {
    ...parameters,
    AWSAccessKeyId: key.accessKey,
    SignatureMethod: 'HmacSHA256',
    SignatureVersion: '2',
    Timestamp: time.toISOString().replace(/\.\d+Z$/, 'Z'),
  };
  const text = `POST\n${host.toLowerCase()}\n/\n${formOf(all)}`;
  const signature = createHmac('sha256', key.secretKey).update(text).digest('base64');
  return `${formOf(all)}&Signature=${encode(signature)}`;
}

/** The headers with which version 4 signs a form. */
export function signedHeadersV4(
  form: string,
  { host, region }: { readonly host: string; readonly region: string },
  key: Key,
  time: Date,
): Record<string, string> {
  const date = time.toISOString().replace(/[-:]|\.\d+/g, '');
  const scope = `${date.slice(0, 8)}/${region}/${service}/aws4_request`;
  const headers = { 'content-type': formType, host, 'x-amz-date': date };
  const names = Object.keys(headers).join(';');
  const lines = Object.entries(headers).map(([name, value]) => `${name}:${value}\n`);
  const canonical = `POST\n/\n\n${lines.join('')}\n${names}\n${sha256(form)}`;
  const text = `${algorithm}\n${date}\n${scope}\n${sha256(canonical)}`;
  const signingKey = scope.split('/').reduce<Buffer>(hmac, Buffer.from(`AWS4${key.secretKey}`));
  const signature = hmac(signingKey, text).toString('hex');
  const credential = `${key.accessKey}/${scope}`;
  return {
    ...headers,
    authorization: `${algorithm} Credential=${credential}, SignedHeaders=${names}, Signature=${signature}`,
  };
}

/** Sorted by the bytes of names, as both versions want it or do not mind. */
export function formOf(parameters: Parameters): string {
  return Object.keys(parameters)
    .toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    .map((name) => `${encode(name)}=${encode(parameters[name]!)}`)
    .join('&');
}

/** RFC 3986: all but unreserved characters. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const hmac = (key: Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();
