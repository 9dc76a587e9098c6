/** What clouds are told by the deployment file. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readDescription } from './description.ts';

const targetsOf = (targets: string) =>
  readDescription(`name: lab
roles: { metadataProviders: { count: 1 }, dataProviders: { count: 1 } }
targets: ${targets}
`).targets;

const sha256 = 'a1'.repeat(32);

test('everything that a cloud can be told', () => {
  assert.deepEqual(targetsOf('{ nimbus: { cloudClient: ../cloud-client, hours: 0.5 } }').nimbus, {
    cloudClient: '../cloud-client',
    hours: 0.5,
  });
  const ec2 = `{ ec2: { endpoint: "https://nimbus.example.org:8444/", region: us-east-1, signature: 2,
    keyName: me, securityGroups: [ default, s3 ], caFile: ca.pem } }`;
  assert.deepEqual(targetsOf(ec2).ec2, {
    endpoint: 'https://nimbus.example.org:8444/',
    region: 'us-east-1',
    signature: 2,
    keyName: 'me',
    securityGroups: ['default', 's3'],
    caFile: 'ca.pem',
  });
  const cloudInit = `{ cloudInit: { package: { url: "https://example.org/b.tar.gz", sha256: ${sha256} },
    packages: [ nodejs ], secretsCommand: "aws s3 cp s3://lab-secrets/x.tar -" } }`;
  assert.deepEqual(targetsOf(cloudInit).cloudInit, {
    package: { url: 'https://example.org/b.tar.gz', sha256 },
    packages: ['nodejs'],
    secretsCommand: 'aws s3 cp s3://lab-secrets/x.tar -',
  });
});

test('what makes no sense is refused by its line and key', () => {
  for (const [targets, message] of [
    ['{ nimbus: { hours: 0 } }', /^line 3: targets\.nimbus\.hours must be a number of hours/],
    ['{ nimbus: { hours: 9000 } }', /^line 3: targets\.nimbus\.hours must be a number of hours/],
    ['{ ec2: { signature: 3 } }', /^line 3: targets\.ec2\.signature must be 2 or 4/],
    ['{ ec2: { endpoint: ftp://x } }', /^line 3: targets\.ec2\.endpoint must be an http or https/],
    ['{ ec2: { regoin: x } }', /unknown key "targets\.ec2\.regoin", did you mean "region"\?/],
    [
      '{ cloudInit: { package: { url: "http://x" } } }',
      /^line 3: targets\.cloudInit\.package\.sha256/,
    ],
    ['{ cloudInit: { secretsCommand: "a\\nb" } }', /secretsCommand must be a command, on one line/],
    [
      `{ cloudInit: { package: { url: "http://x/'; rm -rf /", sha256: ${sha256} } } }`,
      /package\.url must be an http or https URL/,
    ],
  ] as const) {
    assert.throws(() => targetsOf(targets), { kind: 'invalid-argument', message });
  }
});
