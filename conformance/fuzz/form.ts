/**
 * The multipart/form-data of a browser's upload, with its policy.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTForms.html
 */
import { edited } from './edits.ts';
import type { Form, Pair } from './plan.ts';
import { amzDateOf, type Signer, signPolicy, signPolicyV2 } from './signing.ts';

export function formBody(
  form: Form,
  file: Buffer,
  resolve: (text: string) => string,
  signer: Signer,
): Buffer {
  const fields = [['key', form.key] as const, ...form.fields, ...signature(form, resolve, signer)];
  const parts = fields.map(([name, value]) =>
    Buffer.from(
      `--${form.boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${resolve(value ?? '')}\r\n`,
      'latin1',
    ),
  );
  const fileHead = `--${form.boundary}\r\nContent-Disposition: form-data; name="file"; filename="${form.filename}"\r\nContent-Type: text/plain\r\n\r\n`;
  const whole = Buffer.concat([
    ...parts,
    Buffer.from(fileHead, 'latin1'),
    file,
    Buffer.from(`\r\n--${form.boundary}--\r\n`, 'latin1'),
  ]);
  if (form.edits.length === 0) return whole;
  return Buffer.from(edited(whole.toString('latin1'), form.edits), 'latin1');
}

/** The policy and its signature, as fields. */
function signature(form: Form, resolve: (text: string) => string, signer: Signer): readonly Pair[] {
  if (form.signature === 'none') return [];
  const { accessKeyId } = signer.credentials;
  const date = amzDateOf(signer.nowMs);
  const isV2 = form.signature === 'v2';
  const signed: readonly Pair[] = isV2
    ? [['AWSAccessKeyId', accessKeyId]]
    : [
        ['x-amz-algorithm', 'AWS4-HMAC-SHA256'],
        ['x-amz-credential', `${accessKeyId}/${date.slice(0, 8)}/${signer.region}/s3/aws4_request`],
        ['x-amz-date', date],
      ];
  const policy = Buffer.from(policyText(form, isV2 ? [] : signed, resolve), 'latin1').toString(
    'base64',
  );
  const hex = form.signature === 'wrong' ? '0'.repeat(64) : signPolicy(signer, policy);
  return [
    ...signed,
    ['policy', policy],
    isV2 ? ['signature', signPolicyV2(signer, policy)] : ['x-amz-signature', hex],
  ];
}

function policyText(
  form: Form,
  signed: readonly Pair[],
  resolve: (text: string) => string,
): string {
  const asked = [...form.fields, ...signed].map(
    ([name, value]) => `["eq",${JSON.stringify(`$${name}`)},${JSON.stringify(value ?? '')}]`,
  );
  const conditions = [
    '{"bucket":"{b0}"}',
    '["starts-with","$key",""]',
    ...asked,
    ...form.conditions,
  ];
  const text = `{"expiration":${JSON.stringify(form.expiration)},"conditions":[${conditions.join(',')}]}`;
  return edited(resolve(text), form.policyEdits);
}
