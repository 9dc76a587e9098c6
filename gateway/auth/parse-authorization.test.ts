import assert from 'node:assert/strict';
import { test } from 'node:test';
import { S3Error, type S3ErrorCode } from '../s3/errors.ts';
import { type ClaimInput, readClaim } from './parse-authorization.ts';
import { canonicalHeaderValues, canonicalParameters, type Pair } from './sigv4.ts';
import { exampleDateLine, exampleNowMs } from './sigv4.vectors.ts';

const signature = 'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41';
const credential = 'KEY/20130524/us-east-1/s3/aws4_request';
const components = `Credential=${credential}, SignedHeaders=host;x-amz-date, Signature=${signature}`;

function byHeader(
  authorization: string,
  changes: Readonly<Record<string, string | undefined>> = {},
  rest: Partial<ClaimInput> = {},
): ClaimInput {
  const headers: Record<string, string | undefined> = {
    Authorization: authorization,
    'X-Amz-Date': exampleDateLine,
    'X-Amz-Content-Sha256': 'UNSIGNED-PAYLOAD',
    ...changes,
  };
  const pairs = Object.entries(headers).filter(
    (pair): pair is [string, string] => pair[1] !== undefined,
  );
  return inputWith({ headers: canonicalHeaderValues(pairs), ...rest });
}

const presignedParameters: Readonly<Record<string, string>> = {
  'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
  'X-Amz-Credential': credential,
  'X-Amz-Date': exampleDateLine,
  'X-Amz-Expires': '3600',
  'X-Amz-SignedHeaders': 'host',
  'X-Amz-Signature': signature,
};

function byQuery(
  changes: Readonly<Record<string, string | undefined>> = {},
  rest: Partial<ClaimInput> = {},
): ClaimInput {
  const query = Object.entries<string | undefined>({ ...presignedParameters, ...changes })
    .flatMap(([name, value]) =>
      value === undefined ? [] : [`${name}=${encodeURIComponent(value)}`],
    )
    .join('&');
  return inputWith({ parameters: canonicalParameters(query), ...rest });
}

function inputWith(changes: Partial<ClaimInput>): ClaimInput {
  return {
    headers: new Map(),
    parameters: [],
    nowMs: exampleNowMs,
    region: undefined,
    ...changes,
  };
}

function refused(
  input: ClaimInput,
  code: S3ErrorCode,
  message: string | RegExp,
  fields?: Readonly<Record<string, string>>,
): void {
  assert.throws(
    () => readClaim(input),
    (error: unknown) => {
      assert.ok(error instanceof S3Error, String(error));
      assert.equal(error.code, code, error.message);
      if (typeof message === 'string') assert.equal(error.message, message);
      else assert.match(error.message, message);
      if (fields !== undefined) assert.deepEqual(error.fields, fields);
      return true;
    },
  );
}

test('a claim by header', () => {
  assert.deepEqual(readClaim(byHeader(`AWS4-HMAC-SHA256 ${components}`)), {
    via: 'header',
    accessKey: 'KEY',
    scope: { date: '20130524', region: 'us-east-1' },
    signedHeaders: ['host', 'x-amz-date'],
    signature,
    dateLines: [exampleDateLine],
    payloadHash: 'UNSIGNED-PAYLOAD',
    payload: { kind: 'unsigned' },
    hasSessionToken: false,
  });
});

test('components: in whatever order, with and without blanks, signed headers put in order', () => {
  for (const text of [
    `Signature=${signature},SignedHeaders=x-amz-date;host,Credential=${credential}`,
    `  Credential=${credential} ,SignedHeaders=Host;X-Amz-Date,  Signature=${signature}`,
  ]) {
    const claim = readClaim(byHeader(`AWS4-HMAC-SHA256 ${text}`));
    assert.equal(claim?.signature, signature);
    assert.deepEqual(claim.signedHeaders, ['host', 'x-amz-date']);
  }
});

test('no mechanism, or an empty header, is anonymous', () => {
  assert.equal(readClaim(inputWith({})), undefined);
  assert.equal(readClaim(byHeader('')), undefined);
  const unrelated = canonicalParameters('Signature=x&X-Amz-Date=y&x-id=GetObject');
  assert.equal(readClaim(inputWith({ parameters: unrelated })), undefined);
});

test('two mechanisms at once', () => {
  const header: readonly Pair[] = [['Authorization', `AWS4-HMAC-SHA256 ${components}`]];
  const message = /^Only one auth mechanism allowed;/;
  const version2 = canonicalParameters('AWSAccessKeyId=K&Signature=s&Expires=1');
  refused(byQuery({}, { headers: canonicalHeaderValues(header) }), 'InvalidArgument', message, {
    ArgumentName: 'Authorization',
  });
  refused(byQuery({}, { headers: new Map([['authorization', '']]) }), 'InvalidArgument', message);
  refused(
    inputWith({ headers: canonicalHeaderValues(header), parameters: version2 }),
    'InvalidArgument',
    message,
  );
  refused(byQuery({ AWSAccessKeyId: 'K', Signature: 's' }), 'InvalidArgument', message);
});

test('other mechanisms', () => {
  const unsupported =
    'The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.';
  refused(byHeader('AWS KEY:c2lnbmF0dXJl'), 'InvalidRequest', unsupported);
  refused(byHeader(`AWS4-ECDSA-P256-SHA256 ${components}`), 'InvalidRequest', unsupported);
  const version2 = canonicalParameters('AWSAccessKeyId=K&Signature=s&Expires=1');
  refused(inputWith({ parameters: version2 }), 'InvalidRequest', unsupported);
  refused(byHeader('Bearer secret-token'), 'InvalidArgument', 'Unsupported Authorization Type', {
    ArgumentName: 'Authorization',
  });
  refused(byHeader('nonsense'), 'InvalidArgument', /one and only one ' ' \(space\) required/);
});

test('malformed components', () => {
  for (const text of [
    'Credential',
    `Credential=${credential}`,
    `Credential=${credential}, SignedHeaders=host`,
    `SignedHeaders=host, Signature=${signature}`,
    `Credential=${credential}, Signature=${signature}`,
    `${components}, Signature=${signature}`,
    `${components},`,
  ]) {
    refused(
      byHeader(`AWS4-HMAC-SHA256 ${text}`),
      'AuthorizationHeaderMalformed',
      'The authorization header is malformed; the authorization header requires three components: Credential, SignedHeaders, and Signature.',
    );
  }
});

test('malformed credentials, by header and by query', () => {
  const expecting = /the Credential is mal-formed; expecting "<YOUR-AKID>/;
  const cases: [string, RegExp][] = [
    ['KEY', expecting],
    ['KEY/20130524/us-east-1/s3', expecting],
    ['KEY/20130524/us-east-1/s3/aws4_request/more', expecting],
    ['/20130524/us-east-1/s3/aws4_request', expecting],
    ['KEY/20130524/us\neast-1/s3/aws4_request', expecting],
    ['KEY/2013052/us-east-1/s3/aws4_request', /incorrect date format "2013052"/],
    ['KEY/20130230/us-east-1/s3/aws4_request', /incorrect date format "20130230"/],
    ['KEY/20130524//s3/aws4_request', /a non-empty region must be provided/],
    [
      'KEY/20130524/us-east-1/sqs/aws4_request',
      /incorrect service "sqs". This endpoint belongs to "s3"/,
    ],
    [
      'KEY/20130524/us-east-1/s3/aws5_request',
      /incorrect terminal "aws5_request". This endpoint uses/,
    ],
  ];
  for (const [text, message] of cases) {
    const header = byHeader(
      `AWS4-HMAC-SHA256 Credential=${text}, SignedHeaders=host, Signature=${signature}`,
    );
    refused(header, 'AuthorizationHeaderMalformed', message);
    refused({ ...header, region: 'us-east-1' }, 'AuthorizationHeaderMalformed', message, {
      Region: 'us-east-1',
    });
    refused(byQuery({ 'X-Amz-Credential': text }), 'AuthorizationQueryParametersError', message);
  }
});

test('a region other than the configured one', () => {
  refused(
    byHeader(`AWS4-HMAC-SHA256 ${components}`, {}, { region: 'eu-west-1' }),
    'AuthorizationHeaderMalformed',
    "The authorization header is malformed; the region 'us-east-1' is wrong; expecting 'eu-west-1'",
    { Region: 'eu-west-1' },
  );
  refused(
    byQuery({}, { region: 'eu-west-1' }),
    'AuthorizationQueryParametersError',
    "Error parsing the X-Amz-Credential parameter; the region 'us-east-1' is wrong; expecting 'eu-west-1'",
    { Region: 'eu-west-1' },
  );
  assert.ok(readClaim(byQuery({}, { region: 'us-east-1' })));
});

test('the day of the credential is that of the request', () => {
  const yesterday = components.replace('20130524', '20130523');
  refused(
    byHeader(`AWS4-HMAC-SHA256 ${yesterday}`),
    'AuthorizationHeaderMalformed',
    'The authorization header is malformed; Invalid credential date. Date is not the same as X-Amz-Date.',
  );
  refused(
    byQuery({ 'X-Amz-Credential': 'KEY/20130523/us-east-1/s3/aws4_request' }),
    'AuthorizationQueryParametersError',
    'Invalid credential date "20130523". This date is not the same as X-Amz-Date: "20130524".',
  );
});

test('signed headers are header names', () => {
  for (const names of ['', 'host;', 'host;;range', 'host\nrange', 'ho st']) {
    const text = `Credential=${credential}, SignedHeaders=${names}, Signature=${signature}`;
    refused(byHeader(`AWS4-HMAC-SHA256 ${text}`), 'AuthorizationHeaderMalformed', /SignedHeaders/);
    refused(
      byQuery({ 'X-Amz-SignedHeaders': names }),
      'AuthorizationQueryParametersError',
      /SignedHeaders/,
    );
  }
});

test('a missing or malformed date', () => {
  const authorization = `AWS4-HMAC-SHA256 ${components}`;
  const message = 'AWS authentication requires a valid Date or x-amz-date header';
  refused(byHeader(authorization, { 'X-Amz-Date': undefined }), 'AccessDenied', message);
  for (const text of [
    '',
    'yesterday',
    '20130524',
    '2013-05-24',
    '20130524T240000Z',
    '20130230T000000Z',
    '20130524T000000',
    '1369353600',
  ]) {
    // A good Date does not stand in for a bad X-Amz-Date.
    const input = byHeader(authorization, {
      'X-Amz-Date': text,
      Date: 'Fri, 24 May 2013 00:00:00 GMT',
    });
    refused(input, 'AccessDenied', message);
  }
});

test('without X-Amz-Date the Date header is the signing time', () => {
  for (const date of [
    'Fri, 24 May 2013 00:00:00 GMT',
    'Fri, 24 May 2013 00:00:00 +0000',
    '24 May 2013 00:00:00 GMT',
    '2013-05-24T00:00:00Z',
    '2013-05-24T00:00:00.000Z',
  ]) {
    const input = byHeader(`AWS4-HMAC-SHA256 ${components}`, {
      'X-Amz-Date': undefined,
      Date: date,
    });
    assert.deepEqual(readClaim(input)?.dateLines, [exampleDateLine, date]);
  }
  const iso = byHeader(`AWS4-HMAC-SHA256 ${components}`, {
    'X-Amz-Date': undefined,
    Date: exampleDateLine,
  });
  assert.deepEqual(readClaim(iso)?.dateLines, [exampleDateLine]);
});

test('fifteen minutes of skew either way', () => {
  const minuteMs = 60_000;
  const at = (nowMs: number) => byHeader(`AWS4-HMAC-SHA256 ${components}`, {}, { nowMs });
  assert.ok(readClaim(at(exampleNowMs + 15 * minuteMs)));
  assert.ok(readClaim(at(exampleNowMs - 15 * minuteMs)));
  refused(
    at(exampleNowMs + 15 * minuteMs + 1),
    'RequestTimeTooSkewed',
    'The difference between the request time and the current time is too large.',
    {
      RequestTime: exampleDateLine,
      ServerTime: '2013-05-24T00:15:00Z',
      MaxAllowedSkewMilliseconds: '900000',
    },
  );
  refused(at(exampleNowMs - 15 * minuteMs - 1), 'RequestTimeTooSkewed', /too large/);
});

test('x-amz-content-sha256 by header', () => {
  const authorization = `AWS4-HMAC-SHA256 ${components}`;
  refused(
    byHeader(authorization, { 'X-Amz-Content-Sha256': undefined }),
    'InvalidRequest',
    'Missing required header for this request: x-amz-content-sha256',
  );
  refused(
    byHeader(authorization, { 'X-Amz-Content-Sha256': 'unsigned-payload' }),
    'InvalidArgument',
    /^x-amz-content-sha256 must be UNSIGNED-PAYLOAD,/,
    { ArgumentName: 'x-amz-content-sha256', ArgumentValue: 'unsigned-payload' },
  );
});

test('a claim by query', () => {
  assert.deepEqual(readClaim(byQuery()), {
    via: 'query',
    accessKey: 'KEY',
    scope: { date: '20130524', region: 'us-east-1' },
    signedHeaders: ['host'],
    signature,
    dateLines: [exampleDateLine],
    payloadHash: 'UNSIGNED-PAYLOAD',
    payload: { kind: 'unsigned' },
    hasSessionToken: false,
  });
});

test('each parameter of a presigned URL is needed', () => {
  for (const name of Object.keys(presignedParameters)) {
    refused(
      byQuery({ [name]: undefined }),
      'AuthorizationQueryParametersError',
      'Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.',
    );
  }
});

test('the algorithm and the date of a presigned URL', () => {
  for (const text of ['AWS4-HMAC-SHA512', 'AWS4-ECDSA-P256-SHA256', '']) {
    refused(
      byQuery({ 'X-Amz-Algorithm': text }),
      'AuthorizationQueryParametersError',
      'X-Amz-Algorithm only supports "AWS4-HMAC-SHA256"',
    );
  }
  for (const text of ['', 'Fri, 24 May 2013 00:00:00 GMT', '20131324T000000Z']) {
    refused(
      byQuery({ 'X-Amz-Date': text }),
      'AuthorizationQueryParametersError',
      "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"",
    );
  }
});

test('X-Amz-Expires: a number of seconds, up to a week', () => {
  for (const text of ['', 'soon', '1.5', '3e2', '0x10', ' 300', '9'.repeat(19)]) {
    refused(
      byQuery({ 'X-Amz-Expires': text }),
      'AuthorizationQueryParametersError',
      'X-Amz-Expires should be a number',
    );
  }
  refused(
    byQuery({ 'X-Amz-Expires': '-1' }),
    'AuthorizationQueryParametersError',
    'X-Amz-Expires must be non-negative',
  );
  refused(
    byQuery({ 'X-Amz-Expires': '604801' }),
    'AuthorizationQueryParametersError',
    'X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds',
  );
  for (const text of ['0', '+300', '0300', '604800']) {
    assert.ok(readClaim(byQuery({ 'X-Amz-Expires': text })), text);
  }
});

test('a presigned URL lives from its date, less the skew, to its end', () => {
  assert.ok(readClaim(byQuery({}, { nowMs: exampleNowMs + 3_600_000 })));
  refused(byQuery({}, { nowMs: exampleNowMs + 3_600_001 }), 'AccessDenied', 'Request has expired', {
    'X-Amz-Expires': '3600',
    Expires: '2013-05-24T01:00:00Z',
    ServerTime: '2013-05-24T01:00:00Z',
  });
  assert.ok(readClaim(byQuery({}, { nowMs: exampleNowMs - 900_000 })));
  refused(
    byQuery({}, { nowMs: exampleNowMs - 900_001 }),
    'AccessDenied',
    'Request is not yet valid',
    {
      'X-Amz-Date': String(exampleNowMs),
      Expires: '2013-05-24T01:00:00Z',
      ServerTime: '2013-05-23T23:44:59Z',
    },
  );
});

test('the payload of a presigned request: header over parameter over none', () => {
  const sha256 = 'e3'.repeat(32);
  const both = byQuery(
    { 'X-Amz-Content-Sha256': 'UNSIGNED-PAYLOAD' },
    { headers: new Map([['x-amz-content-sha256', sha256]]) },
  );
  assert.deepEqual(readClaim(both)?.payload, { kind: 'sha256', sha256 });
  const hoisted = readClaim(byQuery({ 'X-Amz-Content-Sha256': sha256 }));
  assert.deepEqual(hoisted?.payload, { kind: 'sha256', sha256 });
});

test('session tokens are seen wherever they stand, empty ones are none', () => {
  const authorization = `AWS4-HMAC-SHA256 ${components}`;
  const token = { 'X-Amz-Security-Token': 'token' };
  const empty = { 'X-Amz-Security-Token': '' };
  assert.equal(readClaim(byHeader(authorization, token))?.hasSessionToken, true);
  assert.equal(readClaim(byQuery(token))?.hasSessionToken, true);
  assert.equal(readClaim(byHeader(authorization, empty))?.hasSessionToken, false);
  assert.equal(readClaim(byQuery(empty))?.hasSessionToken, false);
});

test('values that are not UTF-8 are refused, not thrown on', () => {
  const input = byQuery({ 'X-Amz-Date': undefined });
  const parameters: Pair[] = [...input.parameters, ['X-Amz-Date', '%FF']];
  refused({ ...input, parameters }, 'AuthorizationQueryParametersError', /ISO8601/);
});
