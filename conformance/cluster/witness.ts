/**
 * A client that writes one version after another and keeps them all, to bear witness: none of them is ever
 * lost or another one's bytes, and no version number of BlobSeer was given twice.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { GetObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import type { LocatedExtent } from '../harness/deployment.ts';
import { sha256Hex } from '../harness/http.ts';
import { type Load, versionedBucket, type Work } from './load.ts';

interface WitnessedVersion {
  readonly id: string;
  readonly sha256: string;
}

/** `blobseer-s3 locate`. */
export type Locate = (bucket: string, key: string, versionId: string) => Promise<LocatedExtent[]>;

const key = 'witness';
const maxBytes = 100_000;
/** All of them are read again and again. */
const pauseMs = 100;
/** Before a kill and after it: those whose numbers are looked up. */
const lookedUp = 2;

export class Witness {
  readonly #load: Pick<Load, 's3'>;
  readonly #versions: WitnessedVersion[] = [];
  /** Ids of versions by what BlobSeer calls them. */
  readonly #ids = new Map<string, string>();

  /** It speaks to the gateway that the load speaks to. */
  constructor(load: Pick<Load, 's3'>) {
    this.#load = load;
  }

  get count(): number {
    return this.#versions.length;
  }

  /** Writes until the signal. What fails is written again, as another version. */
  readonly work: Work = async (signal) => {
    while (!signal.aborted) {
      await this.write(this.#load.s3).catch(() => undefined);
      await delay(pauseMs);
    }
  };

  async write(s3: S3Client): Promise<void> {
    const body = randomBytes(1 + Math.floor(Math.random() * maxBytes));
    const command = new PutObjectCommand({ Bucket: versionedBucket, Key: key, Body: body });
    const { VersionId } = await s3.send(command);
    assert.ok(VersionId !== undefined, 'a version id');
    this.#versions.push({ id: VersionId, sha256: sha256Hex(body) });
  }

  /** Reads every version. */
  async verify(): Promise<void> {
    for (const { id, sha256 } of this.#versions) {
      const where = { Bucket: versionedBucket, Key: key, VersionId: id };
      const { Body } = await this.#load.s3.send(new GetObjectCommand(where));
      const bytes = (await Body?.transformToByteArray()) ?? new Uint8Array();
      assert.equal(sha256Hex(Buffer.from(bytes)), sha256, `the version ${id}`);
    }
  }

  /** The versions around the one that was the next at a kill have numbers that nobody had before. */
  async lookUp(next: number, locate: Locate): Promise<void> {
    const around = this.#versions.slice(Math.max(0, next - lookedUp), next + lookedUp);
    const all = await Promise.all(
      around.map(async ({ id }) => ({
        id,
        extents: await locate(versionedBucket, key, id),
      })),
    );
    for (const { id, extents } of all) {
      assert.ok(extents.length > 0, `${id} has bytes in the BlobSeer`);
      for (const { blobId, version } of extents) {
        const number = `version ${version} of blob ${blobId}`;
        const owner = this.#ids.get(number);
        assert.ok(owner === undefined || owner === id, `${number} is both ${owner} and ${id}`);
        this.#ids.set(number, id);
      }
    }
  }
}
