/**
 * The mixed load of the soak: it knows what every key holds, so each answer is compared, byte by byte. The keys are
 * a fixed set that is written over and deleted again and again: what is stored is bounded, so disk has
 * to be flat. One operation at a time on a key; which one is left to chance.
 */
import { elements, textOf } from '../harness/xml.ts';
import { Bodies, type Body, below, sizeBetween } from './soak-bodies.ts';
import { headerOf, type SoakClient } from './soak-client.ts';

export interface SoakSizes {
  readonly smallKeys: number;
  readonly largeKeys: number;
  readonly largeBytes: readonly [least: number, most: number];
  readonly copyKeys: number;
  readonly multipartKeys: number;
  readonly versionedKeys: number;
}

const mebibyte = 1024 ** 2;

export const fullSizes: SoakSizes = {
  ...{ smallKeys: 2000, largeKeys: 32, largeBytes: [mebibyte, 8 * mebibyte] },
  ...{ copyKeys: 64, multipartKeys: 8, versionedKeys: 100 },
};

export const tinySizes: SoakSizes = {
  ...{ smallKeys: 20, largeKeys: 2, largeBytes: [mebibyte / 4, mebibyte / 2] },
  ...{ copyKeys: 2, multipartKeys: 1, versionedKeys: 3 },
};

const plain = '/soak';
const versioned = '/soak-versioned';
const smallBytes = [1, 64 * 1024] as const;
const versionBytes = [100, mebibyte] as const;
const partBytes = 5 * mebibyte;
const lastPartBytes = [1000, mebibyte] as const;
/** Of a key, delete markers among them; older ones are deleted. */
const maxVersions = 5;
const maxRangeBytes = 64 * 1024;
const listedAtOnce = 100;
const changedShare = 0.01;
/** Of uploads: so many end in an abort. */
const abortedShare = 0.2;
/** Keys that are looked at for one that nobody is at. */
const maxTries = 100;

interface Version {
  readonly id: string;
  /** Undefined for a delete marker. */
  readonly body: Body | undefined;
}

type Operation = (kind: string) => Promise<void>;

export class SoakLoad {
  readonly #client: SoakClient;
  readonly #bodies: Bodies;
  readonly #sizes: SoakSizes;
  /** Of the plain bucket: what each key holds; absent keys have nothing. */
  readonly #stored = new Map<string, Body>();
  /** Oldest first. */
  readonly #versions = new Map<string, Version[]>();
  readonly #busy = new Set<string>();
  /** When each plain key was last written to, by a counter that every write raises. */
  readonly #touched = new Map<string, number>();
  #touches = 0;
  /** Weights sum to 100: so many of a hundred operations are of the kind. */
  readonly #mix: readonly (readonly [kind: string, weight: number, run: Operation])[] = [
    ['put-small', 22, (kind) => this.#on(this.#small, (key) => this.#put(kind, key, smallBytes))],
    [
      'put-large',
      2,
      (kind) => this.#on(this.#large, (key) => this.#put(kind, key, this.#sizes.largeBytes)),
    ],
    ['overwrite', 4, (kind) => this.#on(this.#large, (key) => this.#overwrite(kind, key))],
    ['get-small', 22, (kind) => this.#on(this.#small, (key) => this.#get(kind, key))],
    ['get-large', 4, (kind) => this.#on(this.#anyLarge, (key) => this.#get(kind, key))],
    ['range', 9, (kind) => this.#on(this.#anyLarge, (key) => this.#range(kind, key))],
    ['head', 9, (kind) => this.#on(this.#small, (key) => this.#head(kind, key))],
    ['list', 6, (kind) => this.#list(kind)],
    ['delete', 5, (kind) => this.#on(this.#small, (key) => this.#delete(kind, key))],
    ['copy', 4, (kind) => this.#on(this.#copied, (key) => this.#copy(kind, key))],
    ['multipart', 1, (kind) => this.#on(this.#uploaded, (key) => this.#multipart(kind, key))],
    ['version-put', 5, (kind) => this.#on(this.#old, (key) => this.#versionPut(kind, key))],
    ['version-get', 5, (kind) => this.#on(this.#old, (key) => this.#versionGet(kind, key))],
    ['version-mark', 2, (kind) => this.#on(this.#old, (key) => this.#versionMark(kind, key))],
  ];

  constructor(client: SoakClient, sizes: SoakSizes) {
    this.#client = client;
    this.#sizes = sizes;
    this.#bodies = new Bodies(Math.max(sizes.largeBytes[1], partBytes + lastPartBytes[1]));
  }

  /** Makes the buckets, and writes every key once. */
  async prepare(): Promise<void> {
    const enabled = '<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>';
    await this.#client.send('prepare', 'PUT', plain, 200);
    await this.#client.send('prepare', 'PUT', versioned, 200);
    await this.#client.send('prepare', 'PUT', `${versioned}?versioning`, 200, {
      body: [Buffer.from(enabled)],
    });
    const { smallKeys, largeKeys, largeBytes, multipartKeys, versionedKeys } = this.#sizes;
    for (let n = 0; n < smallKeys; n += 1) await this.#put('prepare', `s-${n}`, smallBytes);
    for (let n = 0; n < largeKeys; n += 1) await this.#put('prepare', `l-${n}`, largeBytes);
    for (let n = 0; n < multipartKeys; n += 1) await this.#multipart('prepare', `m-${n}`);
    for (let n = 0; n < versionedKeys; n += 1) {
      for (let version = 0; version < maxVersions; version += 1) {
        await this.#versionPut('prepare', `v-${n}`);
      }
    }
  }

  /** One operation, chosen by the weights. Never rejects: what went wrong is counted. */
  async operate(): Promise<void> {
    let left = below(100);
    for (const [kind, weight, run] of this.#mix) {
      left -= weight;
      if (left >= 0) continue;
      try {
        await run(kind);
      } catch (error) {
        this.#client.fail(kind, error);
      }
      return;
    }
  }

  #small = () => `s-${below(this.#sizes.smallKeys)}`;
  #large = () => `l-${below(this.#sizes.largeKeys)}`;
  #copied = () => `c-${below(this.#sizes.copyKeys)}`;
  #uploaded = () => `m-${below(this.#sizes.multipartKeys)}`;
  #old = () => `v-${below(this.#sizes.versionedKeys)}`;
  #anyLarge = () => [this.#large, this.#copied, this.#uploaded][below(3)]!();

  /** Does it to a key that nobody is at; another key of the sort is chosen while somebody is. */
  async #on(choose: () => string, work: (key: string) => Promise<void>): Promise<void> {
    for (let attempt = 0; attempt < maxTries; attempt += 1) {
      const key = choose();
      if (this.#busy.has(key)) continue;
      this.#busy.add(key);
      try {
        await work(key);
      } finally {
        this.#busy.delete(key);
      }
      return;
    }
  }

  /** A write whose answer does not come leaves the key in an unknown state: the run is a failed one then. */
  #changed(key: string, body: Body | undefined): void {
    this.#touches += 1;
    this.#touched.set(key, this.#touches);
    if (body === undefined) this.#stored.delete(key);
    else this.#stored.set(key, body);
  }

  async #store(kind: string, key: string, body: Body): Promise<void> {
    const pieces = this.#bodies.piecesOf(body);
    await this.#client.send(kind, 'PUT', `${plain}/${key}`, 200, { body: pieces });
    this.#changed(key, body);
  }

  #put(kind: string, key: string, [least, most]: readonly [number, number]): Promise<void> {
    return this.#store(kind, key, this.#bodies.make(sizeBetween(least, most)));
  }

  #overwrite(kind: string, key: string): Promise<void> {
    const body = this.#stored.get(key);
    if (body === undefined) return this.#put(kind, key, this.#sizes.largeBytes);
    return this.#store(kind, key, this.#bodies.change(body, Math.ceil(body.bytes * changedShare)));
  }

  async #get(kind: string, key: string): Promise<void> {
    const body = this.#stored.get(key);
    const path = `${plain}/${key}`;
    if (body === undefined) await this.#client.send(kind, 'GET', path, 404);
    else await this.#client.send(kind, 'GET', path, 200, { expected: this.#bodies.piecesOf(body) });
  }

  async #range(kind: string, key: string): Promise<void> {
    const body = this.#stored.get(key);
    if (body === undefined) return await this.#get(kind, key);
    const start = below(body.bytes);
    const end = Math.min(body.bytes, start + 1 + below(maxRangeBytes));
    const headers = { Range: `bytes=${start}-${end - 1}` };
    const expected = this.#bodies.piecesOf(body, start, end);
    await this.#client.send(kind, 'GET', `${plain}/${key}`, 206, { headers, expected });
  }

  async #head(kind: string, key: string): Promise<void> {
    const body = this.#stored.get(key);
    const path = `${plain}/${key}`;
    const answer = await this.#client.send(kind, 'HEAD', path, body === undefined ? 404 : 200);
    if (body === undefined) return;
    const length = Number(headerOf(answer, 'content-length'));
    if (length !== body.bytes) throw new Error(`HEAD ${path}: ${length}, not ${body.bytes}`);
  }

  async #delete(kind: string, key: string): Promise<void> {
    await this.#client.send(kind, 'DELETE', `${plain}/${key}`, 204);
    this.#changed(key, undefined);
  }

  /** Some keys in a row: each that nobody wrote to meanwhile is in the answer if it exists, with its size. */
  async #list(kind: string): Promise<void> {
    const before = this.#touches;
    const busy = new Set(this.#busy);
    const after = this.#small();
    const query = `list-type=2&max-keys=${listedAtOnce}&start-after=${after}`;
    const answer = await this.#client.send(kind, 'GET', `${plain}?${query}`, 200);
    const listed = new Map<string, number>();
    for (const entry of elements(answer.body?.toString() ?? '', 'Contents')) {
      listed.set(textOf(entry, 'Key') ?? '', Number(textOf(entry, 'Size')));
    }
    const last = [...listed.keys()].at(-1) ?? '';
    const isUnsure = (key: string) =>
      busy.has(key) || this.#busy.has(key) || (this.#touched.get(key) ?? 0) > before;
    for (const key of new Set([...listed.keys(), ...this.#stored.keys()])) {
      if (key <= after || key > last || isUnsure(key)) continue;
      const [is, was] = [listed.get(key), this.#stored.get(key)?.bytes];
      if (is !== was) throw new Error(`the list after ${after} has ${key} with ${is}, not ${was}`);
    }
  }

  async #copy(kind: string, key: string): Promise<void> {
    await this.#on([this.#small, this.#large][below(2)]!, async (source) => {
      const body = this.#stored.get(source);
      const headers = { 'x-amz-copy-source': `${plain}/${source}` };
      const status = body === undefined ? 404 : 200;
      await this.#client.send(kind, 'PUT', `${plain}/${key}`, status, { headers });
      if (body !== undefined) this.#changed(key, body);
    });
  }

  /** Two parts, and Complete or Abort. */
  async #multipart(kind: string, key: string): Promise<void> {
    const path = `${plain}/${key}`;
    const begun = await this.#client.send(kind, 'POST', `${path}?uploads`, 200);
    const id = encodeURIComponent(textOf(begun.body?.toString() ?? '', 'UploadId') ?? '');
    const body = this.#bodies.make(partBytes + sizeBetween(...lastPartBytes));
    const parts: string[] = [];
    for (const part of [
      this.#bodies.piecesOf(body, 0, partBytes),
      this.#bodies.piecesOf(body, partBytes),
    ]) {
      const number = parts.length + 1;
      const query = `partNumber=${number}&uploadId=${id}`;
      const answer = await this.#client.send(kind, 'PUT', `${path}?${query}`, 200, { body: part });
      const etag = headerOf(answer, 'etag');
      parts.push(`<Part><PartNumber>${number}</PartNumber><ETag>${etag}</ETag></Part>`);
    }
    if (Math.random() < abortedShare) {
      await this.#client.send(kind, 'DELETE', `${path}?uploadId=${id}`, 204);
      return;
    }
    const document = `<CompleteMultipartUpload>${parts.join('')}</CompleteMultipartUpload>`;
    await this.#client.send(kind, 'POST', `${path}?uploadId=${id}`, 200, {
      body: [Buffer.from(document)],
    });
    this.#changed(key, body);
  }

  async #versionPut(kind: string, key: string): Promise<void> {
    const versions = this.#versions.get(key) ?? [];
    const last = versions.at(-1)?.body;
    // Every other one is like the one before it but for a hundredth.
    const body =
      last === undefined || Math.random() < 0.5
        ? this.#bodies.make(sizeBetween(...versionBytes))
        : this.#bodies.change(last, Math.ceil(last.bytes * changedShare));
    const path = `${versioned}/${key}`;
    const pieces = this.#bodies.piecesOf(body);
    const answer = await this.#client.send(kind, 'PUT', path, 200, { body: pieces });
    await this.#added(key, { id: headerOf(answer, 'x-amz-version-id'), body });
  }

  async #versionMark(kind: string, key: string): Promise<void> {
    const answer = await this.#client.send(kind, 'DELETE', `${versioned}/${key}`, 204);
    await this.#added(key, { id: headerOf(answer, 'x-amz-version-id'), body: undefined });
  }

  /** Deletes the oldest versions while there are too many. */
  async #added(key: string, version: Version): Promise<void> {
    const versions = [...(this.#versions.get(key) ?? []), version];
    this.#versions.set(key, versions);
    while (versions.length > maxVersions) {
      const path = `${versioned}/${key}?versionId=${versions[0]?.id}`;
      await this.#client.send('version-delete', 'DELETE', path, 204);
      versions.shift();
    }
  }

  async #versionGet(kind: string, key: string): Promise<void> {
    const versions = this.#versions.get(key) ?? [];
    const version = versions[below(versions.length)];
    if (version === undefined) return;
    const path = `${versioned}/${key}?versionId=${version.id}`;
    if (version.body === undefined) {
      await this.#client.send(kind, 'GET', path, 405);
    } else {
      const expected = this.#bodies.piecesOf(version.body);
      await this.#client.send(kind, 'GET', path, 200, { expected });
    }
  }
}
