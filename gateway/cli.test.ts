import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { runCli } from './cli.ts';
import { systemClock } from './clock.ts';
import { configWith } from './config.ts';
import { openStorage } from './gateway.ts';
import { createLog } from './log.ts';
import { credentialsPath, loadRootKey, registerRootUser } from './root-user.ts';

const parent = mkdtempSync(path.join(tmpdir(), 'cli-test-'));
const data = path.join(parent, 'data');
after(() => rmSync(parent, { recursive: true }));

let output = '';
let complaints = '';
beforeEach(() => {
  output = '';
  complaints = '';
});

function run(
  args: readonly string[],
  given: { env?: Record<string, string>; stdin?: string } = {},
) {
  return runCli(args, {
    print: (text) => {
      output += `${text}\n`;
    },
    complain: (text) => {
      complaints += `${text}\n`;
    },
    redraw: () => undefined,
    readStdin: async () => given.stdin ?? '',
    environment: { BLOBSEER_S3_LOG_LEVEL: 'silent', ...given.env },
    workingDirectory: parent,
  });
}

describe('usage', () => {
  test('help lists the commands, each has its own with examples', async () => {
    assert.equal(await run(['--help']), 0);
    for (const name of ['serve', 'user', 'check', 'config', 'entity', 'deploy', 'version']) {
      assert.match(output, new RegExp(`^  ${name} `, 'm'));
    }
    for (const args of [
      ['serve', '--help'],
      ['help', 'user'],
      ['check', '-h'],
      ['config', '--help'],
      ['entity', '--help'],
      ['deploy', '--help'],
    ]) {
      output = '';
      assert.equal(await run(args), 0);
      assert.match(output, /^Examples:$/m);
    }
  });

  for (const [args, said] of [
    [['sevre'], /unknown command "sevre", did you mean "serve"/],
    [[], /a command is needed/],
    [['serve', '--dta', 'x'], /unknown option --dta, did you mean "data"/],
    [['serve', 'extra'], /"extra" is not expected/],
    [['serve', '--workers', 'x'], /workers \(flag --workers\)/],
    [['check', '--workers', '2'], /unknown option --workers/],
    [['user'], /user needs an action/],
    [['user', 'ad', 'x'], /unknown action "ad", did you mean "add"/],
    [['user', 'add'], /add needs a name/],
    [['user', 'list', 'x'], /list takes no name/],
    [['user', 'constructor', 'x'], /unknown action/],
    [['entity'], /a role is needed; roles are version-manager, /],
    [['entity', 'data-provder'], /unknown role "data-provder", did you mean "data-provider"/],
    [['entity', 'data-provider'], /--config FILE is needed/],
    [['entity', 'data-provider', 'x', '--config', 'y'], /"x" is not expected/],
    [['entity', 'data-provider', '--config', 'nowhere'], /config: cannot read nowhere/],
    [['check', '--data', 'nowhere'], /there is no store in .*nowhere/],
  ] as const) {
    test(`"${args.join(' ')}" is exit status 2 and says why`, async () => {
      assert.equal(await run(args), 2);
      assert.match(complaints, said);
      assert.equal(output, '');
    });
  }

  test('a mistyped directory is not made', () => {
    assert.equal(existsSync(path.join(parent, 'nowhere')), false);
  });

  test('version', async () => {
    assert.equal(await run(['version']), 0);
    assert.match(output, /^blobseer-s3 \d+\.\d+\.\d+ \(node v\d+/);
  });

  test('config shows values and origins, never a secret', async () => {
    const env = {
      BLOBSEER_S3_ACCESS_KEY: 'the-access-key',
      BLOBSEER_S3_SECRET_KEY: 'the-secret-key',
      BLOBSEER_S3_REGION: 'eu-west-3',
    };
    assert.equal(await run(['config', '--workers', '3'], { env }), 0);
    assert.match(output, /^workers +3 +flag --workers$/m);
    assert.match(output, /^region +eu-west-3 +environment BLOBSEER_S3_REGION$/m);
    assert.match(output, /^secret-key +\*+ +environment BLOBSEER_S3_SECRET_KEY$/m);
    assert.doesNotMatch(output, /the-secret-key/);
  });
});

describe('users and check, on a directory', () => {
  const config = configWith({ dataDirectory: data });
  const withStore = async <T>(work: (storage: Awaited<ReturnType<typeof openStorage>>) => T) => {
    const storage = await openStorage(config, 'alone', createLog('silent'), assert.fail);
    try {
      storage.services.namespace.refresh();
      return await work(storage);
    } finally {
      await storage.blobseer.close();
    }
  };
  const user = (...args: string[]) => ['user', ...args, '--data', data];
  const printed = (name: string) => new RegExp(`^${name} +(.*)$`, 'm').exec(output)?.[1];

  before(() =>
    withStore(async ({ services }) => {
      await registerRootUser(services, loadRootKey(config, systemClock));
    }),
  );

  test('the root key is generated once, kept with mode 0600, and registered', async () => {
    const file = credentialsPath(data);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    const again = loadRootKey(config, systemClock);
    assert.equal(again.isNew, false);
    assert.equal(await run(user('list')), 0);
    assert.match(output, new RegExp(`^root +root +000000000000 +${again.accessKey}$`, 'm'));
  });

  test('configured root credentials replace what was there', async () => {
    await withStore(async ({ services }) => {
      const { namespace } = services;
      const file = loadRootKey(config, systemClock);
      const given = { accessKey: 'given-key', secretKey: 'given-secret' };
      await registerRootUser(services, given);
      namespace.refresh();
      assert.equal(namespace.userByAccessKey('given-key')?.key.secret, 'given-secret');
      assert.equal(namespace.userByAccessKey(file.accessKey), undefined);
      await registerRootUser(services, file);
      namespace.refresh();
      assert.equal(namespace.userByAccessKey('given-key'), undefined);
    });
  });

  test('add makes ids and keys that list shows, without the secret', async () => {
    assert.equal(await run(user('add', 'alice')), 0, complaints);
    const secret = String(printed('secret key'));
    const accessKey = String(printed('access key'));
    assert.match(String(printed('account id')), /^\d{12}$/);
    assert.ok(secret.length >= 40);
    output = '';
    assert.equal(await run(user('list')), 0);
    assert.match(output, new RegExp(`^alice .* ${accessKey}$`, 'm'));
    assert.ok(!output.includes(secret));
    assert.equal(await run(user('add', 'alice')), 1);
    assert.match(complaints, /there is a user "alice" already/);
  });

  test('add imports ids and keys; the secret comes from stdin or the environment', async () => {
    const imported = ['--id', 'bob-id', '--account-id', '999988887777', '--access-key', 'BOBKEY'];
    const stdin = 'bobs-secret-key\n';
    assert.equal(await run(user('add', 'bob', ...imported, '--secret-stdin'), { stdin }), 0);
    assert.deepEqual(['id', 'account id', 'access key', 'secret key'].map(printed), [
      'bob-id',
      '999988887777',
      'BOBKEY',
      'bobs-secret-key',
    ]);
    assert.equal(await run(user('add', 'carl', '--access-key', 'CARLKEY')), 2);
    assert.match(complaints, /needs its secret/);
    const env = { BLOBSEER_S3_USER_SECRET: 'carls-secret-key' };
    assert.equal(await run(user('add', 'carl', '--access-key', 'BOBKEY'), { env }), 1);
    assert.match(complaints, /the access key BOBKEY is taken/);
    assert.equal(await run(user('add', 'carl', '--access-key', 'a/b'), { env }), 2);
    assert.equal(await run(user('add', 'carl', '--access-key', 'CARLKEY'), { env }), 0);
  });

  test('rotate replaces the keys, or adds one', async () => {
    assert.equal(await run(user('rotate', 'bob-id')), 0);
    const second = String(printed('access key'));
    await withStore(({ services: { namespace } }) => {
      assert.equal(namespace.userByAccessKey('BOBKEY'), undefined);
      assert.equal(namespace.userByAccessKey(second)?.user.id, 'bob-id');
    });
    assert.equal(await run(user('rotate', 'bob', '--keep-old')), 0);
    await withStore(({ services: { namespace } }) => {
      assert.equal(namespace.user('bob-id')?.keys.length, 2);
    });
  });

  test("rotating root's key rewrites the file that the next start reads", async () => {
    assert.equal(await run(user('rotate', 'root')), 0);
    const kept = JSON.parse(readFileSync(credentialsPath(data), 'utf8'));
    assert.equal(kept.accessKey, printed('access key'));
    assert.equal(kept.secretKey, printed('secret key'));
    assert.equal(statSync(credentialsPath(data)).mode & 0o777, 0o600);
  });

  test('a quota is set with a new user or later, shown and taken away', async () => {
    const said = async (...args: string[]) => {
      output = '';
      assert.equal(await run(user('quota', ...args)), 0, complaints);
      return output.trim();
    };
    const list = async () => {
      output = '';
      assert.equal(await run(user('list')), 0);
      return output;
    };
    assert.equal(await run(user('add', 'quinn', '--quota', '10k')), 0, complaints);
    assert.equal(await said('quinn'), 'quinn uses 0 of 10240 bytes');
    assert.equal(await said('quinn', '2T'), `quinn uses 0 of ${2 * 1024 ** 4} bytes`);
    assert.equal(await said('quinn', 'none'), 'quinn has no quota');
    assert.equal(await said('alice'), 'alice has no quota');
    await withStore(async ({ blobseer, services: { namespace } }) => {
      const staged = await blobseer.stage([Buffer.from('7 bytes')]);
      await staged.seal();
      await blobseer.store.commit((transaction) => {
        const bucket = namespace.createBucket(transaction, {
          name: 'counted',
          ownerId: 'bob-id',
          createdMs: 0,
          location: '',
          acl: 'private',
        });
        assert.ok(bucket !== undefined);
        const snapshot = blobseer.publish(transaction, staged);
        namespace.putVersion(transaction, bucket, 'k', {
          isDeleteMarker: false,
          size: 7,
          etag: '',
          modifiedMs: 0,
          ownerId: 'bob-id',
          storageClass: 'STANDARD',
          headers: { system: {}, user: {} },
          extents: [{ snapshot, offset: 0, length: 7 }],
          parts: [],
        });
      });
    });
    assert.equal(await said('bob-id', '5'), 'bob uses 7 of 5 bytes');
    for (const wrong of ['', '-1', '1.5', '5x', '9999999T', 'unlimited']) {
      assert.equal(await run(user('add', 'nobody', `--quota=${wrong}`)), 2, wrong);
    }
    assert.match(complaints, /is no quota/);
    assert.equal(await run(user('quota', 'quinn', '1', '2')), 2);
    assert.equal(await run(user('rotate', 'quinn', '1')), 2);
    assert.equal(await said('quinn', '1'), 'quinn uses 0 of 1 bytes');
    const { id = '' } = /^quinn +(?<id>[0-9a-f]+)/m.exec(await list())?.groups ?? {};
    assert.equal(await run(user('remove', 'quinn')), 0);
    await withStore(({ services: { namespace } }) => {
      assert.ok(id !== '' && namespace.usage(id) === undefined);
    });
  });

  test('remove takes a user away, but not root and not an owner of buckets', async () => {
    assert.equal(await run(user('remove', 'root')), 1);
    await withStore(async ({ blobseer, services: { namespace } }) => {
      await blobseer.store.commit((transaction) =>
        namespace.createBucket(transaction, {
          name: 'bobs',
          ownerId: 'bob-id',
          createdMs: 0,
          location: '',
          acl: 'private',
        }),
      );
    });
    complaints = '';
    assert.equal(await run(user('remove', 'bob')), 1);
    assert.match(complaints, /owns the bucket bobs/);
    assert.equal(await run(user('remove', 'alise')), 1);
    assert.match(complaints, /no user "alise", did you mean "alice"/);
    assert.equal(await run(user('remove', 'alice')), 0);
    assert.equal(await run(user('list')), 0);
    assert.doesNotMatch(output, /alice [^(]*$/m);
  });

  test('check is clean on a clean directory', async () => {
    assert.equal(await run(['check', '--data', data]), 0);
    assert.match(output, /^problems +0$/m);
    assert.match(output, /all is well$/m);
  });
});
