import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import { S3Error, type S3ErrorCode } from '../s3/errors.ts';
import { authenticateForm, type FormAuthInput } from './form.ts';
import { SigningKeys } from './signing-keys.ts';
import { deriveSigningKey, signatureOf } from './sigv4.ts';
import { exampleAccessKey, exampleSecret } from './sigv4.vectors.ts';
import { exampleIdentity } from './test-requests.ts';

/** The form of https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-post-example.html */
const publishedForm = {
  policy:
    'eyAiZXhwaXJhdGlvbiI6ICIyMDE1LTEyLTMwVDEyOjAwOjAwLjAwMFoiLA0KICAiY29uZGl0aW9ucyI6IFsNCiAgICB7ImJ1Y2tldCI6ICJzaWd2NGV4YW1wbGVidWNrZXQifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRrZXkiLCAidXNlci91c2VyMS8iXSwNCiAgICB7ImFjbCI6ICJwdWJsaWMtcmVhZCJ9LA0KICAgIHsic3VjY2Vzc19hY3Rpb25fcmVkaXJlY3QiOiAiaHR0cDovL3NpZ3Y0ZXhhbXBsZWJ1Y2tldC5zMy5hbWF6b25hd3MuY29tL3N1Y2Nlc3NmdWxfdXBsb2FkLmh0bWwifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRDb250ZW50LVR5cGUiLCAiaW1hZ2UvIl0sDQogICAgeyJ4LWFtei1tZXRhLXV1aWQiOiAiMTQzNjUxMjM2NTEyNzQifSwNCiAgICB7IngtYW16LXNlcnZlci1zaWRlLWVuY3J5cHRpb24iOiAiQUVTMjU2In0sDQogICAgWyJzdGFydHMtd2l0aCIsICIkeC1hbXotbWV0YS10YWciLCAiIl0sDQoNCiAgICB7IngtYW16LWNyZWRlbnRpYWwiOiAiQUtJQUlPU0ZPRE5ON0VYQU1QTEUvMjAxNTEyMjkvdXMtZWFzdC0xL3MzL2F3czRfcmVxdWVzdCJ9LA0KICAgIHsieC1hbXotYWxnb3JpdGhtIjogIkFXUzQtSE1BQy1TSEEyNTYifSwNCiAgICB7IngtYW16LWRhdGUiOiAiMjAxNTEyMjlUMDAwMDAwWiIgfQ0KICBdDQp9',
  'x-amz-algorithm': 'AWS4-HMAC-SHA256',
  'x-amz-credential': `${exampleAccessKey}/20151229/us-east-1/s3/aws4_request`,
  'x-amz-date': '20151229T000000Z',
  'x-amz-signature': '8afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749a66d7f09699e',
};

const version2Policy = Buffer.from('{"expiration": "2015-12-30T00:00:00Z"}').toString('base64');
const version2Form = {
  policy: version2Policy,
  awsaccesskeyid: exampleAccessKey,
  signature: createHmac('sha1', exampleSecret).update(version2Policy).digest('base64'),
};

type Fields = Readonly<Record<string, string | undefined>>;

function inputOf(fields: Fields, changes: Partial<FormAuthInput> = {}): FormAuthInput {
  const present = Object.entries(fields).filter((entry): entry is [string, string] => {
    return entry[1] !== undefined;
  });
  return {
    fields: new Map(present),
    nowMs: Date.UTC(2015, 11, 29, 12),
    region: undefined,
    sigv2: true,
    lookup: (accessKey) =>
      accessKey === exampleAccessKey
        ? { identity: exampleIdentity, secret: exampleSecret }
        : undefined,
    signingKeys: new SigningKeys(),
    ...changes,
  };
}

function refusal(fields: Fields, code: S3ErrorCode, changes: Partial<FormAuthInput> = {}): S3Error {
  try {
    authenticateForm(inputOf(fields, changes));
  } catch (error) {
    assert.ok(error instanceof S3Error, String(error));
    assert.equal(error.code, code, error.message);
    return error;
  }
  assert.fail(`not refused with ${code}`);
}

for (const [name, form] of [
  ['the published form of version 4', publishedForm],
  ['a form of version 2', version2Form],
] as const) {
  test(`${name} authenticates, and its key is kept only then`, () => {
    const input = inputOf(form);
    assert.deepEqual(authenticateForm(input), { kind: 'signed', identity: exampleIdentity });
    assert.equal(input.signingKeys.size, form === publishedForm ? 1 : 0);
  });

  test(`${name}: another policy, signature or secret does not`, () => {
    const signatureField = 'signature' in form ? 'signature' : 'x-amz-signature';
    const fields: Fields = form;
    const signature = fields[signatureField] ?? '';
    for (const wrong of [
      { policy: `${form.policy} ` },
      { policy: '' },
      { [signatureField]: '' },
      { [signatureField]: signature.slice(1) },
      { [signatureField]: [...signature].reverse().join('') },
      { [signatureField]: `${signature}=` },
    ]) {
      const error = refusal({ ...form, ...wrong }, 'SignatureDoesNotMatch');
      assert.equal(error.status, 403);
      assert.equal(error.fields.StringToSign, wrong.policy ?? form.policy);
      assert.equal(error.fields.AWSAccessKeyId, exampleAccessKey);
    }
    const lookup = () => ({ identity: exampleIdentity, secret: `${exampleSecret}x` });
    const input = inputOf(form, { lookup });
    assert.throws(() => authenticateForm(input), { code: 'SignatureDoesNotMatch' });
    assert.equal(input.signingKeys.size, 0);
  });

  test(`${name}: each missing field is named, in S3's words`, () => {
    for (const absent of Object.keys(form)) {
      const error = refusal({ ...form, [absent]: undefined }, 'InvalidArgument');
      assert.equal(error.fields.ArgumentName?.toLowerCase(), absent);
      assert.equal(error.fields.ArgumentValue, '');
      assert.match(error.message, /^Bucket POST must contain a field named '.+'\. {2}If it/);
    }
  });

  test(`${name}: a session token is never one of ours`, () => {
    refusal({ ...form, 'x-amz-security-token': 'token' }, 'InvalidToken');
  });
}

test('a form without policy and signature is anonymous, one with a policy alone is refused', () => {
  assert.deepEqual(authenticateForm(inputOf({ key: 'a', acl: 'public-read' })), {
    kind: 'anonymous',
  });
  refusal({ policy: publishedForm.policy }, 'AccessDenied');
});

test('an access key that nobody has', () => {
  const other = 'AKIANOBODY';
  const error = refusal({ ...version2Form, awsaccesskeyid: other }, 'InvalidAccessKeyId');
  assert.equal(error.status, 403);
  const credential = `${other}/20151229/us-east-1/s3/aws4_request`;
  refusal({ ...publishedForm, 'x-amz-credential': credential }, 'InvalidAccessKeyId');
});

test('version 2 is refused where it is off, before anything of it is read', () => {
  for (const form of [version2Form, { signature: 'x' }, { awsaccesskeyid: 'x' }]) {
    const error = refusal(form, 'InvalidRequest', { sigv2: false });
    assert.match(error.message, /Please use AWS4-HMAC-SHA256\.$/);
  }
});

test('two signatures in one form are refused, whichever is right', () => {
  refusal({ ...version2Form, ...publishedForm }, 'InvalidArgument');
  refusal({ ...publishedForm, signature: 'x' }, 'InvalidArgument');
  refusal({ ...publishedForm, awsaccesskeyid: exampleAccessKey }, 'InvalidArgument', {
    sigv2: false,
  });
});

test('algorithm, date and scope are checked as in URLs', () => {
  const wrong = (fields: Fields, changes?: Partial<FormAuthInput>) =>
    refusal({ ...publishedForm, ...fields }, 'AuthorizationQueryParametersError', changes);
  wrong({ 'x-amz-algorithm': 'AWS4-HMAC-SHA1' });
  wrong({ 'x-amz-date': '20151229' });
  wrong({ 'x-amz-date': '20151228T000000Z' });
  wrong({ 'x-amz-credential': `${exampleAccessKey}/20151229/us-east-1/s3` });
  wrong({ 'x-amz-credential': `${exampleAccessKey}/20151229/us-east-1/s3/aws4_request//` });
  wrong({ 'x-amz-credential': `${exampleAccessKey}/20151229/us-east-1/iam/aws4_request` });
  const error = wrong({}, { region: 'eu-west-1' });
  assert.equal(error.fields.Region, 'eu-west-1');
  const asymmetric = { ...publishedForm, 'x-amz-algorithm': 'AWS4-ECDSA-P256-SHA256' };
  refusal(asymmetric, 'InvalidRequest');
});

test('a date to come is refused, one long past is left to the policy', () => {
  const early = { nowMs: Date.UTC(2015, 11, 28, 23) };
  refusal(publishedForm, 'AccessDenied', early);
  const late = inputOf(publishedForm, { nowMs: Date.UTC(2015, 11, 30, 11) });
  assert.equal(authenticateForm(late).kind, 'signed');
});

test("the credential of .NET's SDK, with a slash behind it, is read", () => {
  const scope = { date: '20151229', region: 'us-east-1' };
  const signature = signatureOf(deriveSigningKey(exampleSecret, scope), publishedForm.policy);
  const form = {
    ...publishedForm,
    'x-amz-credential': `${publishedForm['x-amz-credential']}/`,
    'x-amz-signature': signature,
  };
  assert.equal(authenticateForm(inputOf(form)).kind, 'signed');
});
