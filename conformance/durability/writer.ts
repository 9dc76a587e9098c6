/**
 * One client of the crash test: writes to keys that only it writes, remembers what was acknowledged,
 * and checks that what it reads is what was acknowledged or, where an answer never came, either the
 * state before or the state after, never a mix.
 */
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { encodeRfc3986, objectPath, type RawRequest, type RawResponse } from '../harness/http.ts';
import { textOf } from '../harness/xml.ts';
import { type Content, type Contents, describe } from './contents.ts';
import type { SeededRandom } from './seeded-random.ts';

/** What a writer needs of the server: `send` rejects when no answer came. */
export interface ServerUnderTest {
  send(request: RawRequest): Promise<RawResponse>;
  /** Rises with every kill. */
  readonly kills: number;
}

export interface WriterOptions {
  readonly server: ServerUnderTest;
  readonly contents: Contents;
  readonly random: SeededRandom;
  readonly name: string;
  readonly bucket: string;
  readonly isVersioned: boolean;
  readonly keyCount: number;
}

/** Undefined: absent (never written, deleted, or a delete marker). */
type State = Content | undefined;

interface KeyState {
  current: State;
  /** States that writes without an answer may have left. */
  maybe: State[];
  /** Acknowledged versions by id (versioned buckets). */
  readonly versions: Map<string, Content>;
  /** What writes without an answer may have added. */
  maybeVersions: Content[];
  /** Versions whose removal was not answered. */
  readonly maybeRemoved: Set<string>;
}

const minimumPartBytes = 5 * 1024 * 1024;
const unavailableTimeoutMs = 60_000;

export class Writer {
  readonly #options: WriterOptions;
  readonly #keys = new Map<string, KeyState>();
  #recent: string[] = [];
  #killsSeen = 0;
  acknowledged = 0;
  unanswered = 0;

  constructor(options: WriterOptions) {
    this.#options = options;
    for (let index = 0; index < options.keyCount; index += 1) {
      this.#keys.set(`${options.name}/key ${index}`, {
        current: undefined,
        maybe: [],
        versions: new Map(),
        maybeVersions: [],
        maybeRemoved: new Set(),
      });
    }
  }

  /** Works until the signal; rejects with the first thing that is not as it must be. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (this.#killsSeen !== this.#options.server.kills) {
        this.#killsSeen = this.#options.server.kills;
        for (const key of this.#recent) await this.verify(key);
      }
      const key = this.#options.random.pick([...this.#keys.keys()]);
      await this.#step(key);
      this.#recent = [...this.#recent.filter((each) => each !== key), key].slice(-5);
    }
  }

  async verifyAll(): Promise<void> {
    for (const key of this.#keys.keys()) await this.verify(key);
    await this.#verifyListing();
  }

  /** Reads a key (again and again while the server is away) and settles what was open. */
  async verify(key: string): Promise<void> {
    const state = this.#state(key);
    const answer = await this.#untilAnswered(() => this.#get(key));
    const found = this.#match(key, answer, [state.current, ...state.maybe]);
    state.current = found;
    state.maybe = [];
    if (this.#options.isVersioned) await this.#verifyVersions(key, state);
  }

  #state(key: string): KeyState {
    const state = this.#keys.get(key);
    if (state === undefined) throw new Error(`not a key of this writer: ${key}`);
    return state;
  }

  async #step(key: string): Promise<void> {
    const { random, contents, isVersioned } = this.#options;
    const state = this.#state(key);
    const before = state.current;
    const choice = random.next();
    if (choice < 0.12) return this.verify(key);
    if (choice < 0.27) return this.#delete(key, state);
    if (choice < 0.33 && isVersioned && state.versions.size > 0) {
      return this.#removeVersion(key, state, random.pick([...state.versions.keys()]));
    }
    const content =
      before !== undefined && random.chance(0.25)
        ? contents.edit(before, random)
        : contents.choose(random);
    if (choice > 0.93) return this.#putInParts(key, state, content);
    return this.#put(key, state, content);
  }

  async #put(key: string, state: KeyState, content: Content): Promise<void> {
    const answer = await this.#attempt(
      {
        method: 'PUT',
        path: this.#path(key),
        body: this.#options.contents.bytes(content),
        contentSha256: 'UNSIGNED-PAYLOAD',
      },
      () => {
        state.maybe.push(content);
        state.maybeVersions.push(content);
      },
    );
    if (answer === undefined) return this.verify(key);
    this.#written(state, content, answer);
  }

  async #putInParts(key: string, state: KeyState, tail: Content): Promise<void> {
    const created = await this.#attempt({ method: 'POST', path: this.#path(key, 'uploads') });
    if (created === undefined) return this.verify(key);
    const uploadId = textOf(created.text, 'UploadId') ?? '';
    // A first part of the least size, then whatever was chosen, as one content of the pool.
    const head = Math.min(tail.poolOffset, minimumPartBytes);
    const whole: Content = {
      poolOffset: tail.poolOffset - head,
      size: tail.size + head,
      edits: [],
    };
    const bytes = this.#options.contents.bytes(whole);
    const pieces =
      head === minimumPartBytes && tail.size > 0
        ? [bytes.subarray(0, head), bytes.subarray(head)]
        : [bytes];
    const parts: string[] = [];
    for (const [index, body] of pieces.entries()) {
      const query = `partNumber=${index + 1}&uploadId=${encodeRfc3986(uploadId)}`;
      const answer = await this.#attempt({
        method: 'PUT',
        path: this.#path(key, query),
        body,
        contentSha256: 'UNSIGNED-PAYLOAD',
      });
      if (answer === undefined) return this.verify(key);
      const etag = answer.headers.etag ?? '';
      parts.push(`<Part><PartNumber>${index + 1}</PartNumber><ETag>${etag}</ETag></Part>`);
    }
    const answer = await this.#attempt(
      {
        method: 'POST',
        path: this.#path(key, `uploadId=${encodeRfc3986(uploadId)}`),
        body: `<CompleteMultipartUpload>${parts.join('')}</CompleteMultipartUpload>`,
      },
      () => {
        state.maybe.push(whole);
        state.maybeVersions.push(whole);
      },
    );
    if (answer === undefined) return this.verify(key);
    // Complete may answer 200 early and put an error into the body.
    assert.match(answer.text, /<CompleteMultipartUploadResult/, answer.text);
    this.#written(state, whole, answer);
  }

  #written(state: KeyState, content: Content, answer: RawResponse): void {
    assert.equal(answer.status, 200, answer.text);
    state.current = content;
    state.maybe = [];
    if (this.#options.isVersioned) {
      const id = answer.headers['x-amz-version-id'];
      assert.equal(typeof id, 'string', 'a version id');
      state.versions.set(String(id), content);
    }
  }

  async #delete(key: string, state: KeyState): Promise<void> {
    const answer = await this.#attempt({ method: 'DELETE', path: this.#path(key) }, () => {
      state.maybe.push(undefined);
    });
    if (answer === undefined) return this.verify(key);
    assert.equal(answer.status, 204, answer.text);
    state.current = undefined;
    state.maybe = [];
  }

  async #removeVersion(key: string, state: KeyState, id: string): Promise<void> {
    const query = `versionId=${encodeRfc3986(id)}`;
    const answer = await this.#attempt({ method: 'DELETE', path: this.#path(key, query) }, () => {
      state.maybeRemoved.add(id);
    });
    if (answer !== undefined) {
      assert.equal(answer.status, 204, answer.text);
      state.versions.delete(id);
    }
    // Whichever version is the newest now has become current: read it, among those that may be.
    const read = await this.#untilAnswered(() => this.#get(key));
    const candidates = [state.current, ...state.maybe, ...state.versions.values(), undefined];
    state.current = this.#match(key, read, candidates);
    state.maybe = [];
    await this.#verifyVersions(key, state);
  }

  async #verifyVersions(key: string, state: KeyState): Promise<void> {
    const listed = await this.#listVersions(key);
    for (const id of state.maybeRemoved) if (!listed.has(id)) state.versions.delete(id);
    state.maybeRemoved.clear();
    for (const [id, content] of state.versions) {
      assert.ok(listed.has(id), `${key}: the acknowledged version ${id} is gone`);
      // Old large versions are read now and then, not each time.
      if (content.size > 300_000 && !this.#options.random.chance(0.1)) continue;
      this.#match(key, await this.#getVersion(key, id), [content]);
    }
    for (const id of listed) {
      if (state.versions.has(id)) continue;
      const found = this.#match(key, await this.#getVersion(key, id), state.maybeVersions);
      if (found !== undefined) state.versions.set(id, found);
    }
    state.maybeVersions = [];
  }

  /** Ids of the versions of a key, delete markers left out. */
  async #listVersions(key: string): Promise<Set<string>> {
    const ids = new Set<string>();
    let markers = '';
    for (;;) {
      const path = `/${this.#options.bucket}?versions&prefix=${encodeRfc3986(key)}${markers}`;
      const { text } = await this.#untilAnswered(() => this.#options.server.send({ path }));
      for (const [, inner = ''] of text.matchAll(/<Version>([\s\S]*?)<\/Version>/g)) {
        if (textOf(inner, 'Key') === key) ids.add(textOf(inner, 'VersionId') ?? '');
      }
      if (textOf(text, 'IsTruncated') !== 'true') return ids;
      const nextKey = encodeRfc3986(textOf(text, 'NextKeyMarker') ?? '');
      const nextVersion = encodeRfc3986(textOf(text, 'NextVersionIdMarker') ?? '');
      markers = `&key-marker=${nextKey}&version-id-marker=${nextVersion}`;
    }
  }

  /** The listing agrees with what can be read. */
  async #verifyListing(): Promise<void> {
    const prefix = encodeRfc3986(`${this.#options.name}/`);
    const path = `/${this.#options.bucket}?list-type=2&prefix=${prefix}`;
    const { text } = await this.#untilAnswered(() => this.#options.server.send({ path }));
    const listed = new Map(
      [...text.matchAll(/<Contents>([\s\S]*?)<\/Contents>/g)].map(([, inner = '']) => [
        textOf(inner, 'Key'),
        Number(textOf(inner, 'Size')),
      ]),
    );
    for (const [key, { current }] of this.#keys) {
      assert.equal(listed.get(key), current?.size, `the size of ${key} in the listing`);
    }
  }

  /** Which of the candidates an answer is; fails when it is none of them. */
  #match(key: string, answer: RawResponse, candidates: readonly State[]): State {
    if (answer.status === 404 && candidates.includes(undefined)) return undefined;
    if (answer.status === 200) {
      const found = candidates.find(
        (candidate) =>
          candidate !== undefined &&
          candidate.size === answer.body.length &&
          this.#options.contents.bytes(candidate).equals(answer.body),
      );
      if (found !== undefined) return found;
    }
    const expected = candidates.map(describe).join(' or ');
    const got = answer.status === 200 ? `${answer.body.length} other bytes` : answer.text;
    assert.fail(`${key}: expected ${expected}; read ${answer.status} ${got}`);
  }

  #path(key: string, query = ''): string {
    return objectPath(this.#options.bucket, key, query);
  }

  #get(key: string): Promise<RawResponse> {
    return this.#options.server.send({ path: this.#path(key) });
  }

  #getVersion(key: string, id: string): Promise<RawResponse> {
    const path = this.#path(key, `versionId=${encodeRfc3986(id)}`);
    return this.#untilAnswered(() => this.#options.server.send({ path }));
  }

  /** One try of a write. Undefined, after `open`, when it was not answered. */
  async #attempt(
    request: RawRequest,
    open: () => void = () => {},
  ): Promise<RawResponse | undefined> {
    let answer: RawResponse;
    try {
      answer = await this.#options.server.send(request);
    } catch {
      this.unanswered += 1;
      open();
      return undefined;
    }
    if (answer.status === 503) {
      this.unanswered += 1;
      open();
      return undefined;
    }
    assert.ok(answer.status < 300, `${request.method} ${request.path}: ${answer.text}`);
    this.acknowledged += 1;
    return answer;
  }

  /** For reads: tries until somebody answers. */
  async #untilAnswered(read: () => Promise<RawResponse>): Promise<RawResponse> {
    const deadline = Date.now() + unavailableTimeoutMs;
    for (;;) {
      try {
        const answer = await read();
        if (answer.status !== 503) return answer;
      } catch (error) {
        if (Date.now() > deadline) throw error;
      }
      await delay(20);
    }
  }
}
