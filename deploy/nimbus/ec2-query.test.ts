/** EC2's query interface: signatures beside those of others, actions against a scripted cloud. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import aws4 from 'aws4';
import { Ec2Query } from './ec2-query.ts';
import { formOf, formType, signedFormV2, signedHeadersV4 } from './ec2-signature.ts';
import { Ec2Server } from './testing/ec2-server.ts';

const key = { accessKey: 'AKIDEXAMPLE', secretKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' };
const now = () => new Date('2026-11-22T10:11:12.345Z');
const parameters = {
  Action: 'RunInstances',
  Version: '2010-08-31',
  UserData: "a b*'()~+/=",
  'X.1': 'ü',
};

test('version 2 signs the sorted form, encoded strictly', () => {
  // Computed with openssl from the string to sign, written out by hand.
  const form = signedFormV2(parameters, 'Nimbus.example.org:8444', key, now());
  assert.equal(
    form,
    'AWSAccessKeyId=AKIDEXAMPLE&Action=RunInstances&SignatureMethod=HmacSHA256&SignatureVersion=2' +
      '&Timestamp=2026-11-22T10%3A11%3A12Z&UserData=a%20b%2A%27%28%29~%2B%2F%3D&Version=2010-08-31' +
      '&X.1=%C3%BC&Signature=%2BiDPAvZELOF%2FnVySFgmAOC%2BfCoX7Ga6BsYGMzX%2BvHLM%3D',
  );
});

test('version 4 signs as another implementation does', () => {
  const form = formOf(parameters);
  const host = 'ec2.us-east-1.amazonaws.com';
  const headers = signedHeadersV4(form, { host, region: 'us-east-1' }, key, now());
  const theirs = aws4.sign(
    {
      service: 'ec2',
      region: 'us-east-1',
      method: 'POST',
      path: '/',
      host,
      body: form,
      headers: { 'content-type': formType, 'x-amz-date': '20261122T101112Z' },
      extraHeadersToIgnore: { 'content-length': true },
    } as Parameters<typeof aws4.sign>[0],
    { accessKeyId: key.accessKey, secretAccessKey: key.secretKey },
  );
  assert.equal(headers.authorization, theirs.headers?.Authorization);
});

async function cloud(t: TestContext, signature: 2 | 4): Promise<[Ec2Server, Ec2Query]> {
  const server = await Ec2Server.start();
  t.after(() => server.close());
  const endpoint = server.url;
  return [server, new Ec2Query({ endpoint, key, signature, region: 'eu-west-1', now })];
}

const order = {
  image: 'blobseer-s3.gz',
  count: 2,
  userData: '#cloud-config\nä: 1\n',
  clientToken: 'lab-1',
  instanceType: 'm1.large',
  keyName: 'me',
  securityGroups: ['default', 's3'],
};

test('machines are ordered once, get addresses, and are given back', async (t) => {
  const [server, client] = await cloud(t, 2);
  const ordered = await client.runInstances(order);
  const pending = { state: 'pending', privateAddress: undefined, publicAddress: undefined };
  assert.deepEqual(ordered, [
    { id: 'i-1', ...pending },
    { id: 'i-2', ...pending },
  ]);
  assert.deepEqual(await client.runInstances(order), ordered, 'the same token, the same machines');
  const { parameters: asked } = server.asked[0]!;
  assert.equal(Buffer.from(asked.get('UserData')!, 'base64').toString(), order.userData);
  const rest = [...asked].filter(([name]) => !/^(AWS|Signature|Timestamp|UserData)/.test(name));
  assert.deepEqual(Object.fromEntries(rest), {
    Action: 'RunInstances',
    Version: '2010-08-31',
    ImageId: 'blobseer-s3.gz',
    MinCount: '2',
    MaxCount: '2',
    ClientToken: 'lab-1',
    InstanceType: 'm1.large',
    KeyName: 'me',
    'SecurityGroup.1': 'default',
    'SecurityGroup.2': 's3',
  });
  await client.describeInstances(['i-2']);
  assert.deepEqual(await client.describeInstances(['i-2']), [
    { id: 'i-2', state: 'running', privateAddress: '10.9.0.2', publicAddress: '192.0.2.2' },
  ]);
  await client.terminateInstances(['i-1', 'i-2']);
  const states = (await client.describeInstances()).map(({ state }) => state);
  assert.deepEqual(states, ['terminated', 'terminated']);
});

test('version 4 is in a header, version 2 in the form', async (t) => {
  const [server, client] = await cloud(t, 4);
  await client.describeInstances();
  const { headers, parameters: asked } = server.asked[0]!;
  assert.match(
    headers.authorization!,
    /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/20261122\/eu-west-1/,
  );
  assert.equal(asked.has('Signature'), false);
  const [old, oldClient] = await cloud(t, 2);
  await oldClient.describeInstances();
  assert.equal(old.asked[0]!.headers.authorization, undefined);
  assert.equal(old.asked[0]!.parameters.get('SignatureVersion'), '2');
});

test('a refusal has the code of the cloud, and never the secret', async (t) => {
  const [server, client] = await cloud(t, 2);
  const body =
    '<?xml version="1.0"?><Response><Errors><Error><Code>InvalidClientTokenId</Code><Message>who?</Message></Error></Errors></Response>';
  server.refusal = { status: 400, body };
  await assert.rejects(client.describeInstances(), {
    kind: 'unavailable',
    code: 'InvalidClientTokenId',
    message: 'DescribeInstances was refused: InvalidClientTokenId: who?',
  });
  server.refusal = { status: 502, body: '<html>bad gateway' };
  await assert.rejects(client.describeInstances(), { code: 'HTTP 502' });
  server.refusal = { status: 200, body: '<RunInstancesResponse/>' };
  await assert.rejects(client.describeInstances(), { message: /is no DescribeInstancesResponse/ });
  server.refusal = { status: 200, body: ' '.repeat(5 * 2 ** 20) };
  await assert.rejects(client.describeInstances(), { message: /the answer does not end/ });
});

test('a cloud that is not there is unavailable', async () => {
  const endpoint = new URL('http://127.0.0.1:1/');
  const client = new Ec2Query({ endpoint, key, signature: 4, region: 'us-east-1', now });
  await assert.rejects(client.describeInstances(), {
    kind: 'unavailable',
    message: /ECONNREFUSED/,
  });
});
