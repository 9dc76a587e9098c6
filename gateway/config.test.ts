import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { ConfigError, loadConfig } from './config.ts';
import { suggestion } from './suggestion.ts';

const directory = mkdtempSync(path.join(tmpdir(), 'config-test-'));
after(() => rmSync(directory, { recursive: true }));

function load(
  flags: Record<string, string[]> = {},
  environment: Record<string, string> = {},
  workingDirectory = '/work-dir',
) {
  return loadConfig({ flags, environment, workingDirectory });
}

function file(name: string, text: string): string {
  const full = path.join(directory, name);
  writeFileSync(full, text);
  return full;
}

const refuses = (what: () => unknown, ...patterns: RegExp[]) =>
  assert.throws(what, (error: unknown) => {
    assert.ok(error instanceof ConfigError, String(error));
    for (const pattern of patterns) assert.match(error.message, pattern);
    return true;
  });

describe('sources', () => {
  test('defaults', () => {
    const { config } = load();
    assert.deepEqual(config, {
      dataDirectory: '/work-dir/data',
      listen: [{ host: '127.0.0.1', port: 9000, secure: false }],
      workers: 1,
      blobseerFile: undefined,
      replication: 2,
      pageSize: undefined,
      domains: [],
      trustedProxies: [],
      publicHosts: [],
      region: undefined,
      sigv2: false,
      cumulus: false,
      tls: [],
      logLevel: 'info',
      rootCredentials: undefined,
    });
    assert.ok(Object.isFrozen(config));
  });

  test("a BlobSeer's file is found beside what names it", () => {
    const config = file('remote.yaml', 'blobseer: cluster.cfg\nreplication: 3\n');
    const { config: got } = load({ config: [config] });
    assert.equal(got.blobseerFile, path.join(path.dirname(config), 'cluster.cfg'));
    assert.equal(got.replication, 3);
    assert.equal(load({ blobseer: ['b.cfg'] }).config.blobseerFile, '/work-dir/b.cfg');
  });

  test('a switch is on by its flag alone, by a word, or by a boolean of the file', () => {
    assert.equal(load({ sigv2: ['true'] }).config.sigv2, true);
    assert.equal(load({}, { BLOBSEER_S3_SIGV2: '1' }).config.sigv2, true);
    assert.equal(load({}, { BLOBSEER_S3_SIGV2: 'off' }).config.sigv2, false);
    assert.equal(load({ config: [file('on.yaml', 'sigv2: true\n')] }).config.sigv2, true);
    assert.equal(load({ config: [file('off.json', '{"sigv2": false}')] }).config.sigv2, false);
    refuses(() => load({}, { BLOBSEER_S3_SIGV2: 'maybe' }), /^sigv2/, /BLOBSEER_S3_SIGV2/, /off/);
    refuses(() => load({ config: [file('bad.yaml', 'sigv2: 2\n')] }), /sigv2 must be on/);
  });

  test('clients of Cumulus sign by version 2', () => {
    const { cumulus, sigv2 } = load({ cumulus: ['true'] }).config;
    assert.deepEqual({ cumulus, sigv2 }, { cumulus: true, sigv2: true });
  });

  test('proxies and what clients call us behind them', () => {
    const { config } = load(
      { 'public-host': ['S3.Example.com', '[2001:db8::1]:8443'] },
      { BLOBSEER_S3_TRUSTED_PROXY: '10.0.0.0/8, 127.0.0.1,fd00::/8' },
    );
    assert.deepEqual(config.publicHosts, ['s3.example.com', '[2001:db8::1]:8443']);
    assert.deepEqual(config.trustedProxies, [
      { address: '10.0.0.0', prefix: 8, family: 'ipv4' },
      { address: '127.0.0.1', prefix: 32, family: 'ipv4' },
      { address: 'fd00::', prefix: 8, family: 'ipv6' },
    ]);
    for (const text of ['10.0.0.0/33', '10.0.0/8', 'proxy', '::/129', '10.0.0.1/', '', '::1%lo']) {
      refuses(() => load({ 'trusted-proxy': [text] }), /^trusted-proxy/, /10\.0\.0\.0\/8/);
    }
    const proxied = (host: string) => load({ 'trusted-proxy': ['::1'], 'public-host': [host] });
    for (const host of ['', 'a b', 'https://a', 'a/b', 'a:', 'a:65536', 'a:1:2', '::1']) {
      refuses(() => proxied(host), /^public-host/, /HOST:PORT/);
    }
    const many = Array.from({ length: 17 }, (_, at) => `h${at}`);
    refuses(() => load({ 'trusted-proxy': ['::1'], 'public-host': many }), /at most 16/);
    refuses(() => load({ 'public-host': ['a'] }), /trusted proxy alone; give trusted-proxy too/);
  });

  test('flags win over the environment, the environment over the file', () => {
    const config = file('all.yaml', 'workers: 2\nregion: from-file\ndata: here\nlog-level: warn\n');
    const { config: got, given } = load(
      { config: [config], workers: ['4'] },
      { BLOBSEER_S3_WORKERS: '3', BLOBSEER_S3_REGION: 'from-env' },
    );
    assert.deepEqual([got.workers, got.region, got.logLevel], [4, 'from-env', 'warn']);
    assert.equal(got.dataDirectory, path.join(directory, 'here'), 'relative to its file');
    assert.equal(given.get('workers')?.origin, 'flag --workers');
    assert.equal(given.get('region')?.origin, 'environment BLOBSEER_S3_REGION');
    assert.equal(given.get('log-level')?.origin, config);
    assert.equal(given.get('listen')?.origin, 'default');
  });

  test('a file may be JSON, with lists; the environment has commas', () => {
    const config = file('all.json', '{"listen": ["0.0.0.0:1", "[::1]:2"], "domain": "a.example"}');
    const fromFile = load({}, { BLOBSEER_S3_CONFIG: config }).config;
    assert.deepEqual(fromFile.listen, [
      { host: '0.0.0.0', port: 1, secure: false },
      { host: '::1', port: 2, secure: false },
    ]);
    assert.deepEqual(fromFile.domains, ['a.example']);
    const fromEnvironment = load({}, { BLOBSEER_S3_DOMAIN: 'A.example, b.example' }).config;
    assert.deepEqual(fromEnvironment.domains, ['a.example', 'b.example']);
  });

  test('a wrong key of a file is named, with the one that was meant', () => {
    const config = file('wrong.yaml', 'worker: 2\n');
    refuses(() => load({ config: [config] }), /unknown key "worker", did you mean "workers"/);
  });

  test('a file that is not there, no mapping, or has a list for one value', () => {
    refuses(() => load({ config: ['/nowhere/x.yaml'] }), /\/nowhere\/x\.yaml cannot be read/);
    const list = file('list.yaml', '- a\n');
    refuses(() => load({ config: [list] }), /expected "key: value"/);
    const two = file('two.yaml', 'region: [a, b]\n');
    refuses(() => load({ config: [two] }), /region takes one value/);
    const number = file('number.yaml', 'secret-key: 1234567890\naccess-key: abc\n');
    refuses(() => load({ config: [number] }), /secret-key must be .* quotes/);
  });

  test('what is no YAML is named by its place, not quoted: it may be the secret', () => {
    for (const [text, place] of [
      ['access-key: abc\nsecret-key: hush: hushhush\n', /line 2, column/],
      ['{"access-key": "abc", "secret-key": "hushhush" "hush"}', /line 1, column/],
      ['access-key: abc\nsecret-key: *hushhush\n', /no YAML/],
    ] as const) {
      const config = file('broken.yaml', text);
      refuses(
        () => load({ config: [config] }),
        /broken\.yaml cannot be read/,
        place,
        /^(?!.*hush)/s,
      );
    }
  });

  test('an empty file and empty variables are as if absent', () => {
    const config = file('empty.yaml', '# nothing\n');
    assert.equal(load({ config: [config] }, { BLOBSEER_S3_WORKERS: '' }).config.workers, 1);
  });

  test('an empty path is refused, it would be the working directory', () => {
    refuses(() => load({ data: [''] }), /^data \(flag --data\): the path is empty$/);
  });

  test('a flag for one value given twice', () => {
    refuses(() => load({ region: ['a', 'b'] }), /--region is given 2 times/);
  });
});

describe('values', () => {
  for (const [name, texts] of Object.entries({
    workers: ['0', '-1', '1.5', 'many', '257', ''],
    replication: ['0', '17', 'two'],
    listen: ['9000', 'a:b', 'host:65536', 'ftp://a:1', '::1:9000', 'a:1/x'],
    domain: ['http://a', 'a:9000', '-a.example', 'a..b', 'ä.example'],
    region: ['us east', 'a/b', ''],
    'page-size': ['', '65537', '32768', '8388608', '256KiB'],
    'log-level': ['loud', 'INFO'],
  })) {
    test(`${name}: each of ${JSON.stringify(texts)} is refused by name`, () => {
      for (const text of texts) {
        refuses(
          () => load({ [name]: [text] }),
          new RegExp(`^${name} \\(flag --${name}\\): `),
          /is not allowed; give /,
        );
      }
    });
  }

  test('a page size is automatic or a number', () => {
    assert.equal(load().config.pageSize, undefined);
    assert.equal(load({ 'page-size': ['262144'] }).config.pageSize, 262_144);
    const config = file('pages.yaml', 'page-size: 65536\n');
    assert.equal(load({ config: [config] }).config.pageSize, 65_536);
  });

  test('listen is https where there is a certificate, unless it says otherwise', () => {
    const tls = { 'tls-cert': ['c.pem'], 'tls-key': ['k.pem'] };
    const { config } = load({ ...tls, listen: [':9000', 'http://127.0.0.1:80'] });
    assert.deepEqual(config.listen, [
      { host: '::', port: 9000, secure: true },
      { host: '127.0.0.1', port: 80, secure: false },
    ]);
    assert.deepEqual(config.tls, [{ certFile: '/work-dir/c.pem', keyFile: '/work-dir/k.pem' }]);
    refuses(() => load({ listen: ['https://127.0.0.1:9000'] }), /needs tls-cert and tls-key/);
    refuses(() => load({ 'tls-cert': ['c.pem'] }), /a key for each certificate/);
  });

  test('credentials come in pairs, and a wrong secret is not told', () => {
    const keys = { BLOBSEER_S3_ACCESS_KEY: 'abc', BLOBSEER_S3_SECRET_KEY: 'secret-key-1' };
    assert.deepEqual(load({}, keys).config.rootCredentials, {
      accessKey: 'abc',
      secretKey: 'secret-key-1',
    });
    refuses(() => load({}, { BLOBSEER_S3_ACCESS_KEY: 'abc' }), /give both/);
    refuses(
      () => load({}, { ...keys, BLOBSEER_S3_ACCESS_KEY: 'a/b/c' }),
      /^access-key .*"a\/b\/c"/,
    );
    assert.throws(
      () => load({}, { ...keys, BLOBSEER_S3_SECRET_KEY: 'short' }),
      (error: Error) => /^secret-key/.test(error.message) && !error.message.includes('short'),
    );
  });
});

test('suggestions are near or none', () => {
  assert.equal(suggestion('lisen', ['listen', 'data']), ', did you mean "listen"?');
  assert.equal(suggestion('frobnicate', ['listen', 'data']), '');
  assert.equal(suggestion('x', []), '');
});
