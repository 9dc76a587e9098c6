/** Checkpoints in a bucket of any S3 service that knows conditional writes. */
import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { BlobSeerError } from '../../blobseer-client/errors.ts';
import { child, children, childText, parseXml } from '../../gateway/s3/xml-parse.ts';
import { checked, type Digest, pieces } from './digest.ts';
import { clearDirectory, writeFile } from './local-files.ts';
import type { LocalFile, Place, PlaceLock } from './place.ts';
import { bytesOf, type S3Answer, type S3Client } from './s3-client.ts';
import { lockBucket } from './s3-lock.ts';

const lockName = 'lock';
const maxListingBytes = 4 * 2 ** 20;
/** Connections that break while an object is read, in a row. */
const maxBreaks = 5;

export interface S3PlaceOptions {
  readonly client: S3Client;
  /** As the user calls it. */
  readonly name: string;
  /** Of all keys: empty, or with a slash at its end. */
  readonly prefix: string;
  /** For a folder of its own in it. */
  readonly workDirectory: string;
}

export class S3Place implements Place {
  readonly name: string;
  readonly isRemote = true;
  readonly workDirectory: string;
  readonly #client: S3Client;
  readonly #prefix: string;

  constructor({ client, name, prefix, workDirectory }: S3PlaceOptions) {
    this.name = name;
    this.#client = client;
    this.#prefix = prefix;
    // The same for every attempt, so that the next one clears what a crash has left.
    const mark = createHash('sha256').update(name).digest('hex').slice(0, 12);
    this.workDirectory = path.join(workDirectory, `checkpoint-${mark}`);
  }

  async lock(): Promise<PlaceLock> {
    const lock = await lockBucket(this.#client, `${this.#prefix}${lockName}`, this.name);
    try {
      await clearDirectory(this.workDirectory);
    } catch (error) {
      await lock.release();
      throw error;
    }
    return {
      confirm: () => lock.confirm(),
      release: async () => {
        await rm(this.workDirectory, { recursive: true, force: true });
        await lock.release();
      },
    };
  }

  async *list(prefix: string): AsyncGenerator<string> {
    let token: string | undefined;
    do {
      const query = {
        'list-type': '2',
        prefix: `${this.#prefix}${prefix}`,
        ...(token !== undefined && { 'continuation-token': token }),
      };
      const { body } = await this.#client.send({ method: 'GET', key: '', query }, [200]);
      const page = parseXml(await bytesOf(body, maxListingBytes), 'ListBucketResult');
      for (const entry of children(page, 'Contents')) {
        yield (childText(entry, 'Key') ?? '').slice(this.#prefix.length);
      }
      const isTruncated = child(page, 'IsTruncated')?.text === 'true';
      token = isTruncated ? childText(page, 'NextContinuationToken') : undefined;
    } while (token !== undefined);
  }

  /** A connection that breaks is taken up where it broke. */
  async *read(name: string): AsyncGenerator<Buffer> {
    let position = 0;
    for (let breaks = 0; ; breaks++) {
      const { body } = await this.#get(name, position);
      try {
        for await (const piece of body) {
          position += piece.length;
          breaks = 0;
          yield piece;
        }
        return;
      } catch (error) {
        if (breaks === maxBreaks) {
          const reason = error instanceof Error ? error.message : String(error);
          throw new BlobSeerError('unavailable', `${name}: ${reason}`, { cause: error });
        }
      }
    }
  }

  async #get(name: string, position: number): Promise<S3Answer> {
    const request = {
      method: 'GET',
      key: this.#key(name),
      ...(position > 0 && { headers: { range: `bytes=${position}-` } }),
    } as const;
    const answer = await this.#client.send(request, [position === 0 ? 200 : 206, 404]);
    if (answer.status !== 404) return answer;
    answer.body.resume();
    throw new BlobSeerError('not-found', `${name} is missing in ${this.name}`);
  }

  async put(name: string, { file, digest }: LocalFile): Promise<void> {
    const body = { ...digest, open: () => pieces(file, digest.bytes) };
    const answer = await this.#client.send({ method: 'PUT', key: this.#key(name), body }, [200]);
    answer.body.resume();
  }

  /** S3 answers when what it was given is durable. */
  settle(): Promise<void> {
    return Promise.resolve();
  }

  async fetch(name: string, file: string, digest: Digest): Promise<void> {
    await writeFile(checked(this.read(name), digest, `${name} in ${this.name}`), file);
  }

  async remove(name: string): Promise<void> {
    const request = { method: 'DELETE', key: this.#key(name) } as const;
    const answer = await this.#client.send(request, [200, 204, 404]);
    answer.body.resume();
  }

  #key(name: string): string {
    return `${this.#prefix}${name}`;
  }
}
