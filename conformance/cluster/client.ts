/**
 * One client of the kill test: an SDK with the retries it has by itself, on keys that only it writes. It
 * remembers what was acknowledged, counts what failed in spite of the retries, and reads everything
 * back, each version by its SHA-256.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectVersionsCommand,
  NoSuchKey,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { type Content, type Contents, describe } from '../durability/contents.ts';
import type { SeededRandom } from '../durability/seeded-random.ts';

export interface ClientOptions {
  readonly s3: S3Client;
  readonly contents: Contents;
  readonly random: SeededRandom;
  /** What its keys begin with. */
  readonly name: string;
  readonly bucket: string;
  readonly isVersioned: boolean;
  readonly keyCount: number;
  /** A write that began at that moment (of performance.now), and stored bytes, has been acknowledged. */
  readonly onStored: (beganMs: number) => void;
}

/** What a call came to although the SDK had tried again. */
export interface Failure {
  readonly kind: 'read' | 'write';
  readonly message: string;
}

interface Written {
  readonly content: Content;
  readonly sha256: string;
}

/** Undefined: absent. */
type State = Written | undefined;

interface KeyState {
  current: State;
  /** States that writes which failed may have left. */
  maybe: State[];
  /** Acknowledged versions by id. */
  readonly versions: Map<string, Written>;
  /** SHA-256 of all that was ever sent: a retry may have left a version that nobody was told of. */
  readonly sent: Set<string>;
}

const partBytes = 5 * 1024 * 1024;
const maxVersions = 4;
const readTimeoutMs = 120_000;

export class Client {
  readonly failures: Failure[] = [];
  writes = 0;
  reads = 0;
  readonly #options: ClientOptions;
  readonly #keys = new Map<string, KeyState>();

  constructor(options: ClientOptions) {
    this.#options = options;
    for (let index = 0; index < options.keyCount; index += 1) {
      const state = { current: undefined, maybe: [], versions: new Map(), sent: new Set<string>() };
      this.#keys.set(`${options.name}/key ${index}`, state);
    }
  }

  /** Works until the signal; rejects where something is read that was not written. */
  async run(signal: AbortSignal): Promise<void> {
    const { random } = this.#options;
    while (!signal.aborted) await this.#step(random.pick([...this.#keys.keys()]));
  }

  /** Reads every key, and every version, and settles what failed writes left open. */
  async verifyAll(): Promise<void> {
    for (const [key, state] of this.#keys) {
      const found = await this.#untilRead(() => this.#get(key));
      state.current = match(key, found, [state.current, ...state.maybe]);
      state.maybe = [];
      if (this.#options.isVersioned) await this.#verifyVersions(key, state);
    }
  }

  async #step(key: string): Promise<void> {
    const { random, contents } = this.#options;
    const state = this.#keys.get(key)!;
    const choice = random.next();
    if (choice < 0.3) return await this.#read(key, state);
    if (choice < 0.4) return await this.#readVersion(key, state);
    if (choice < 0.52) return await this.#delete(key, state);
    if (choice < 0.57) return await this.#putInParts(key, state);
    const { current } = state;
    const isEdit = current !== undefined && random.chance(0.25);
    const content = isEdit ? contents.edit(current.content, random) : contents.choose(random);
    await this.#put(key, state, content);
  }

  async #read(key: string, state: KeyState): Promise<void> {
    const found = await this.#attempt('read', `GET ${key}`, () => this.#get(key));
    if (found === undefined) return;
    match(key, found.value, [state.current, ...state.maybe]);
  }

  async #readVersion(key: string, state: KeyState): Promise<void> {
    const { random } = this.#options;
    if (state.versions.size === 0) return await this.#read(key, state);
    const [id, written] = random.pick([...state.versions]);
    const found = await this.#attempt('read', `GET ${key} ${id}`, () => this.#get(key, id));
    if (found !== undefined) match(key, found.value, [written]);
  }

  async #put(key: string, state: KeyState, content: Content): Promise<void> {
    const { s3, bucket } = this.#options;
    await this.#write(key, state, content, async (Body) => {
      const { VersionId } = await s3.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body }));
      return VersionId;
    });
    await this.#removeOldest(key, state);
  }

  async #putInParts(key: string, state: KeyState): Promise<void> {
    const { s3, bucket, random, contents } = this.#options;
    const size = random.integer(partBytes + 1, 2 * partBytes);
    await this.#write(key, state, contents.ofSize(size, random), async (Body) => {
      const params = { Bucket: bucket, Key: key, Body };
      const { VersionId } = await new Upload({ client: s3, params, partSize: partBytes }).done();
      return VersionId;
    });
  }

  async #write(
    key: string,
    state: KeyState,
    content: Content,
    send: (bytes: Buffer) => Promise<string | undefined>,
  ): Promise<void> {
    const bytes = this.#options.contents.bytes(content);
    const written = { content, sha256: sha256Of(bytes) };
    state.sent.add(written.sha256);
    const beganMs = performance.now();
    const answer = await this.#attempt('write', `PUT ${key}`, () => send(bytes));
    this.#changed(state, written, answer !== undefined);
    if (answer === undefined) return;
    if (bytes.length > 0) this.#options.onStored(beganMs);
    if (!this.#options.isVersioned) return;
    const id = answer.value;
    assert.ok(id !== undefined, `${key}: a version id`);
    state.versions.set(id, written);
  }

  async #delete(key: string, state: KeyState): Promise<void> {
    const answer = await this.#attempt('write', `DELETE ${key}`, () => this.#sendDelete(key));
    this.#changed(state, undefined, answer !== undefined);
  }

  #changed(state: KeyState, next: State, isAcknowledged: boolean): void {
    if (isAcknowledged) {
      state.current = next;
      state.maybe = [];
    } else {
      state.maybe.push(next);
    }
  }

  /** Histories of any length cost no more than so many versions. */
  async #removeOldest(key: string, { versions }: KeyState): Promise<void> {
    const [oldest] = versions.keys();
    if (oldest === undefined || versions.size <= maxVersions) return;
    versions.delete(oldest);
    await this.#attempt('write', `DELETE ${key} ${oldest}`, () => this.#sendDelete(key, oldest));
  }

  async #sendDelete(key: string, id?: string): Promise<void> {
    const { s3, bucket } = this.#options;
    await s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: key, VersionId: id }));
  }

  /** Undefined, and one failure more, where it failed in spite of the SDK's retries. */
  async #attempt<Value>(
    kind: Failure['kind'],
    what: string,
    call: () => Promise<Value>,
  ): Promise<{ readonly value: Value } | undefined> {
    try {
      const value = await call();
      if (kind === 'read') this.reads += 1;
      else this.writes += 1;
      return { value };
    } catch (error) {
      this.#fail(kind, what, error);
      return undefined;
    }
  }

  #fail(kind: Failure['kind'], what: string, error: unknown): void {
    this.failures.push({ kind, message: `${what}: ${error}` });
  }

  /** SHA-256; undefined where there is no object. */
  async #get(key: string, id?: string): Promise<string | undefined> {
    const { s3, bucket } = this.#options;
    try {
      const command = new GetObjectCommand({ Bucket: bucket, Key: key, VersionId: id });
      const { Body } = await s3.send(command);
      return sha256Of((await Body?.transformToByteArray()) ?? new Uint8Array());
    } catch (error) {
      if (error instanceof NoSuchKey) return undefined;
      throw error;
    }
  }

  /** Failures are counted, and it is tried again. */
  async #untilRead<Value>(read: () => Promise<Value>): Promise<Value> {
    const deadline = Date.now() + readTimeoutMs;
    for (;;) {
      try {
        const value = await read();
        this.reads += 1;
        return value;
      } catch (error) {
        if (Date.now() > deadline) throw error;
        this.#fail('read', 'verifying', error);
        await delay(100);
      }
    }
  }

  async #verifyVersions(key: string, state: KeyState): Promise<void> {
    const listed = await this.#untilRead(() => this.#listVersions(key));
    for (const id of state.versions.keys()) {
      assert.ok(listed.has(id), `${key}: the acknowledged version ${id} is gone`);
    }
    for (const id of listed) {
      const found = await this.#untilRead(() => this.#get(key, id));
      const acknowledged = state.versions.get(id);
      if (acknowledged !== undefined) match(key, found, [acknowledged]);
      else assert.ok(found !== undefined && state.sent.has(found), `${key}: ${id} was never sent`);
    }
  }

  async #listVersions(key: string): Promise<Set<string>> {
    const { s3, bucket } = this.#options;
    const command = new ListObjectVersionsCommand({ Bucket: bucket, Prefix: key });
    const { Versions = [], IsTruncated } = await s3.send(command);
    assert.equal(IsTruncated, false, 'all versions of a key fit one listing');
    return new Set(Versions.filter(({ Key }) => Key === key).map((one) => one.VersionId ?? ''));
  }
}

const sha256Of = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Which of the candidates was read; fails when it is none of them. */
function match(key: string, found: string | undefined, candidates: readonly State[]): State {
  const at = candidates.findIndex((candidate) => candidate?.sha256 === found);
  if (at >= 0) return candidates[at];
  const expected = candidates.map((candidate) => describe(candidate?.content)).join(' or ');
  assert.fail(`${key}: expected ${expected}; read ${found ?? 'nothing'}`);
}
