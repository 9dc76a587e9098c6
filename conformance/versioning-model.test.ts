/**
 * Versioning against a model of it that is too simple to be wrong: random histories of puts, copies,
 * deletes and switches of the bucket's state, then everything is read back: every version by its id,
 * every key without one, and ListObjectVersions in pages of every size, from every marker.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/Versioning.html
 * VERSIONING_HISTORIES=100 and CONFORMANCE_SEED in the environment run more of them, or one again.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { chooseSeed } from './durability/seeded-random.ts';
import { md5Base64 } from './harness/checksums.ts';
import { assertError, encodeRfc3986, objectPath, type RawResponse } from './harness/http.ts';
import { openTarget } from './harness/target.ts';
import { decodeXml, textOf, textsOf } from './harness/xml.ts';

const s3 = await openTarget({ workers: 2 });

interface Version {
  readonly key: string;
  readonly id: string;
  readonly isMarker: boolean;
  readonly text: string;
}

type Status = 'Unversioned' | 'Enabled' | 'Suspended';

type Step =
  | { readonly kind: 'put' | 'delete'; readonly key: string }
  | { readonly kind: 'copy'; readonly key: string; readonly source: string; readonly nth: number }
  | { readonly kind: 'delete-version'; readonly key: string; readonly nth: number }
  | { readonly kind: 'delete-null'; readonly key: string }
  /** In one document: the key itself and one of its versions. */
  | { readonly kind: 'delete-objects'; readonly key: string; readonly nth: number }
  | { readonly kind: 'set'; readonly status: 'Enabled' | 'Suspended' };

const keys = ['a', 'a/', 'a/b', 'a/b/c', 'a/c', 'ab', 'b', 'é/x'] as const;
const key = fc.constantFrom(...keys);
const nth = fc.nat(5);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('put' as const), key }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('delete' as const), key }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('copy' as const), key, source: key, nth }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('delete-version' as const), key, nth }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('delete-null' as const), key }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('delete-objects' as const), key, nth }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('set' as const),
      status: fc.constantFrom('Enabled' as const, 'Suspended' as const),
    }),
  },
);

/** What a bucket is, by S3's documentation. */
class Model {
  status: Status = 'Unversioned';
  /** Newest first. */
  readonly #lists = new Map<string, readonly Version[]>();

  of(name: string): readonly Version[] {
    return this.#lists.get(name) ?? [];
  }

  /** With versioning a new one on top; else in the place of the one without an id. */
  add(version: Version): void {
    if (this.status !== 'Enabled') this.remove(version.key, 'null');
    this.#lists.set(version.key, [version, ...this.of(version.key)]);
  }

  remove(name: string, id: string): void {
    const rest = this.of(name).filter((version) => version.id !== id);
    this.#lists.set(name, rest);
  }

  all(): Version[] {
    const names = [...this.#lists.keys()].sort((a, b) =>
      Buffer.compare(Buffer.from(a), Buffer.from(b)),
    );
    return names.flatMap((name) => this.of(name));
  }
}

const header = (answer: RawResponse, name: string) => answer.headers[name] as string | undefined;

class Bucket {
  readonly #name: string;
  readonly model = new Model();
  /** Ids of versions that were deleted, by key. */
  readonly #gone: { readonly key: string; readonly id: string }[] = [];
  #texts = 0;

  constructor(name: string) {
    this.#name = name;
  }

  async apply(given: Step): Promise<void> {
    switch (given.kind) {
      case 'put': {
        this.#texts += 1;
        const text = `text ${this.#texts}`;
        this.#wrote(await s3.put(this.#name, given.key, text), given.key, text);
        return;
      }
      case 'copy':
        return this.#copy(given.key, given.source, given.nth);
      case 'delete':
        this.#deleted(await s3.delete(this.#name, given.key), given.key);
        return;
      case 'delete-version':
        return this.#deleteVersion(given.key, this.#idOf(given.key, given.nth));
      case 'delete-null':
        return this.#deleteVersion(given.key, 'null');
      case 'delete-objects':
        return this.#deleteObjects(given.key, this.#idOf(given.key, given.nth));
      case 'set': {
        const body = `<VersioningConfiguration><Status>${given.status}</Status></VersioningConfiguration>`;
        const path = `/${this.#name}?versioning`;
        assert.equal((await s3.send({ method: 'PUT', path, body })).status, 200);
        this.model.status = given.status;
      }
    }
  }

  /** Of one of the versions there are; of one that was, where there is none. */
  #idOf(name: string, index: number): string {
    const list = this.model.of(name);
    const before = this.#gone.filter((version) => version.key === name);
    return list[index % list.length]?.id ?? before[index % before.length]?.id ?? 'null';
  }

  #wrote(answer: RawResponse, name: string, text: string): void {
    assert.equal(answer.status, 200, answer.text);
    this.model.add({ key: name, id: this.#newId(answer), isMarker: false, text });
  }

  /** The id that a new version or marker was told. */
  #newId(answer: RawResponse): string {
    const id = header(answer, 'x-amz-version-id');
    if (this.model.status !== 'Enabled') {
      assert.ok(id === undefined || id === 'null', `an id while ${this.model.status}: ${id}`);
      return 'null';
    }
    assert.ok(id !== undefined && id !== 'null', 'a new id');
    assert.ok(!this.model.all().some((version) => version.id === id), 'an id of its own');
    return id;
  }

  async #copy(name: string, sourceName: string, index: number): Promise<void> {
    const list = this.model.of(sourceName);
    const source = list[index % list.length];
    const path = objectPath(this.#name, sourceName);
    const query = source === undefined ? '' : `?versionId=${source.id}`;
    const answer = await s3.put(this.#name, name, '', {
      'x-amz-copy-source': `${path}${query}`,
      // A copy onto itself must change something.
      'x-amz-metadata-directive': 'REPLACE',
    });
    if (source === undefined) assertError(answer, 404, 'NoSuchKey');
    else if (source.isMarker) assertError(answer, 400, 'InvalidRequest');
    else this.#wrote(answer, name, source.text);
  }

  #deleted(answer: RawResponse, name: string): void {
    assert.equal(answer.status, 204, answer.text);
    if (this.model.status === 'Unversioned') {
      this.model.remove(name, 'null');
      return;
    }
    assert.equal(header(answer, 'x-amz-delete-marker'), 'true');
    this.model.add({ key: name, id: this.#newId(answer), isMarker: true, text: '' });
  }

  async #deleteVersion(name: string, id: string): Promise<void> {
    const version = this.model.of(name).find((each) => each.id === id);
    const answer = await s3.delete(this.#name, name, `versionId=${id}`);
    assert.equal(answer.status, 204, answer.text);
    const isMarker = header(answer, 'x-amz-delete-marker') === 'true';
    assert.equal(isMarker, version?.isMarker ?? false, `of ${id}`);
    this.#forget(name, id);
  }

  #forget(name: string, id: string): void {
    this.model.remove(name, id);
    if (id !== 'null') this.#gone.push({ key: name, id });
  }

  async #deleteObjects(name: string, id: string): Promise<void> {
    const object = (inner: string) => `<Object><Key>${name}</Key>${inner}</Object>`;
    const body = `<Delete>${object(`<VersionId>${id}</VersionId>`)}${object('')}</Delete>`;
    const headers = { 'Content-MD5': md5Base64(body) };
    const path = `/${this.#name}?delete`;
    const answer = await s3.send({ method: 'POST', path, body, headers });
    assert.equal(textsOf(answer.text, 'Deleted').length, 2, answer.text);
    this.#forget(name, id);
    if (this.model.status === 'Unversioned') this.model.remove(name, 'null');
    else {
      const marker = textsOf(answer.text, 'DeleteMarkerVersionId').at(-1) ?? '';
      assert.equal(marker === 'null', this.model.status === 'Suspended', marker);
      this.model.add({ key: name, id: marker, isMarker: true, text: '' });
    }
  }

  async readBack(): Promise<void> {
    for (const name of keys) {
      const [current] = this.model.of(name);
      const got = await s3.get(this.#name, name);
      const head = await s3.head(this.#name, name);
      assert.equal(head.status, got.status);
      if (current === undefined) assertError(got, 404, 'NoSuchKey');
      else if (current.isMarker) {
        assertError(got, 404, 'NoSuchKey');
        for (const answer of [got, head]) {
          assert.equal(header(answer, 'x-amz-delete-marker'), 'true');
          assert.equal(header(answer, 'x-amz-version-id'), current.id);
        }
      } else {
        assert.equal(got.text, current.text);
        const id = this.model.status === 'Unversioned' ? undefined : current.id;
        assert.equal(header(got, 'x-amz-version-id'), id);
      }
    }
    for (const version of this.model.all()) {
      const got = await s3.get(this.#name, version.key, `versionId=${version.id}`);
      if (version.isMarker) {
        assertError(got, 405, 'MethodNotAllowed');
        assert.equal(header(got, 'x-amz-delete-marker'), 'true');
      } else assert.equal(got.text, version.text, `${version.key} ${version.id}`);
    }
    for (const { key: name, id } of this.#gone) {
      assertError(await s3.get(this.#name, name, `versionId=${id}`), 404, 'NoSuchVersion');
    }
  }

  async listsItsObjects(): Promise<void> {
    const { text } = await s3.send({ path: `/${this.#name}?list-type=2` });
    const current = keys.filter((name) => this.model.of(name)[0]?.isMarker === false);
    const sorted = [...current].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    assert.deepEqual(textsOf(text, 'Key'), sorted);
  }

  /** Pages of one size from one marker on: together, and each for itself, what the model says. */
  async listsItsVersions(query: ListQuery): Promise<void> {
    let { keyMarker, idMarker } = query;
    let expected = itemsBehind(this.model, query, keyMarker, idMarker);
    for (;;) {
      const { text, status } = await s3.send({
        path: `/${this.#name}?${queryText({ ...query, keyMarker, idMarker })}`,
      });
      assert.equal(status, 200, text);
      const page = expected.slice(0, query.size);
      expected = expected.slice(query.size);
      assert.deepEqual(listed(text), listedAs(page, this.model), JSON.stringify(query));
      assert.equal(textOf(text, 'IsTruncated'), String(expected.length > 0));
      if (expected.length === 0) return;
      const last = page.at(-1);
      keyMarker = textOf(text, 'NextKeyMarker') ?? '';
      idMarker = textOf(text, 'NextVersionIdMarker') ?? '';
      assert.equal(keyMarker, typeof last === 'string' ? last : last?.key);
      if (last !== undefined && typeof last !== 'string') assert.equal(idMarker, last.id);
    }
  }
}

interface ListQuery {
  readonly prefix: string;
  readonly delimiter: string;
  readonly size: number;
  readonly keyMarker: string;
  readonly idMarker: string;
}

function queryText({ prefix, delimiter, size, keyMarker, idMarker }: ListQuery): string {
  const pairs = [
    ['prefix', prefix],
    ['delimiter', delimiter],
    ['key-marker', keyMarker],
    ['version-id-marker', idMarker],
  ].filter(([, value]) => value !== '');
  const text = pairs.map(([name, value]) => `&${name}=${encodeRfc3986(value ?? '')}`).join('');
  return `max-keys=${size}${text}&versions=`;
}

type Item = Version | string;

/** Versions, and in the place of rolled-up ones their prefix; those behind the markers. */
function itemsBehind(
  model: Model,
  { prefix, delimiter }: ListQuery,
  keyMarker: string,
  idMarker: string,
): Item[] {
  const items: Item[] = [];
  let isBehindId = false;
  for (const version of model.all()) {
    const { key: name, id } = version;
    if (!name.startsWith(prefix)) continue;
    const cut = delimiter === '' ? -1 : name.indexOf(delimiter, prefix.length);
    const rolled = cut < 0 ? undefined : name.slice(0, cut + delimiter.length);
    const order = Buffer.compare(Buffer.from(name), Buffer.from(keyMarker));
    const isBehind = order > 0 || (order === 0 && isBehindId);
    if (order === 0 && id === idMarker) isBehindId = true;
    if (!isBehind || (rolled !== undefined && rolled === keyMarker)) continue;
    if (rolled === undefined) items.push(version);
    else if (items.at(-1) !== rolled) items.push(rolled);
  }
  return items;
}

function listedAs(items: readonly Item[], model: Model) {
  return {
    versions: items
      .filter((item) => typeof item !== 'string')
      .map(({ key: name, id, isMarker }) => {
        const isLatest = model.of(name)[0]?.id === id;
        return `${isMarker ? 'marker' : 'version'} ${name} ${id} ${isLatest}`;
      }),
    prefixes: items.filter((item) => typeof item === 'string'),
  };
}

function listed(text: string) {
  const versions = [...text.matchAll(/<(Version|DeleteMarker)>([\s\S]*?)<\/\1>/g)].map(
    ([, name, inner = '']) =>
      `${name === 'Version' ? 'version' : 'marker'} ${['Key', 'VersionId', 'IsLatest']
        .map((field) => textOf(inner, field))
        .join(' ')}`,
  );
  const prefixes = [...text.matchAll(/<CommonPrefixes><Prefix>([^<]*)/g)].map(([, found = '']) =>
    decodeXml(found),
  );
  return { versions, prefixes };
}

const prefixes = ['', 'a', 'a/', 'é', 'none'];
const delimiters = ['', '/', 'b', '/b'];

test('histories of a bucket: what is read and listed is what the model has', async (t) => {
  const seed = chooseSeed();
  t.diagnostic(`seed ${seed}`);
  const history = fc.record({
    steps: fc.array(step, { minLength: 1, maxLength: 45, size: 'max' }),
    prefix: fc.constantFrom(...prefixes),
    delimiter: fc.constantFrom(...delimiters),
    marked: fc.nat(50),
  });
  const property = fc.asyncProperty(history, async ({ steps, prefix, delimiter, marked }) => {
    const bucket = new Bucket(await s3.makeBucket());
    for (const each of steps) await bucket.apply(each);
    await bucket.readBack();
    await bucket.listsItsObjects();
    const everything = { prefix: '', delimiter: '', keyMarker: '', idMarker: '' };
    const all = bucket.model.all();
    for (const size of [1, 2, 3, 7, 1000]) {
      await bucket.listsItsVersions({ ...everything, size });
      await bucket.listsItsVersions({ ...everything, prefix, delimiter, size });
    }
    for (const keyMarker of [...keys, 'Z', 'a/a', 'a/b/']) {
      await bucket.listsItsVersions({ ...everything, keyMarker, prefix, delimiter, size: 4 });
    }
    const from = all[marked % Math.max(1, all.length)];
    if (from === undefined) return;
    const markers = { keyMarker: from.key, idMarker: from.id };
    await bucket.listsItsVersions({ ...everything, ...markers, size: 2 });
    await bucket.listsItsVersions({ ...everything, ...markers, prefix: from.key, size: 3 });
  });
  await fc.assert(property, { seed, numRuns: Number(process.env.VERSIONING_HISTORIES ?? '8') });
});
