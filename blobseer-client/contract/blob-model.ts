/**
 * The contract of `Blob`, as a model: what every engine must do, whatever lies under it. Random
 * sequences of calls run against the engine and against plain buffers; they must agree at every step.
 */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Blob } from '../blob.ts';
import type { BlobSeer } from '../blobseer.ts';

/** Small pages, so that small data makes trees of several levels of nothing but edges. */
const pageSize = 4096;

type Step =
  | {
      readonly kind: 'write';
      readonly blob: number;
      readonly seed: number;
      readonly length: number;
    }
  | {
      readonly kind: 'append';
      readonly blob: number;
      readonly seed: number;
      readonly length: number;
    }
  | {
      readonly kind: 'writeAt';
      readonly blob: number;
      readonly seed: number;
      readonly offset: number;
      readonly length: number;
    }
  | {
      readonly kind: 'edit';
      readonly blob: number;
      readonly version: number;
      readonly seed: number;
    }
  | { readonly kind: 'clone' | 'release'; readonly blob: number; readonly version: number }
  | { readonly kind: 'clean' };

const length = fc.oneof(
  fc.constantFrom(0, 1, pageSize - 1, pageSize, pageSize + 1, 3 * pageSize),
  fc.nat(40 * pageSize),
);
const pick = fc.nat(1000);
const steps: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('write' as const), blob: pick, seed: pick, length }),
  fc.record({ kind: fc.constant('append' as const), blob: pick, seed: pick, length }),
  fc.record({
    kind: fc.constant('writeAt' as const),
    blob: pick,
    seed: pick,
    offset: length,
    length,
  }),
  fc.record({ kind: fc.constant('edit' as const), blob: pick, version: pick, seed: pick }),
  fc.record({
    kind: fc.constantFrom('clone' as const, 'release' as const),
    blob: pick,
    version: pick,
  }),
  fc.record({ kind: fc.constant('clean' as const) }),
);
export const stepSequences = fc.array(steps, { minLength: 1, maxLength: 30 });

export interface Modelled {
  readonly blob: Blob;
  readonly versions: Map<number, Buffer>;
  newest: Buffer;
}

function bytesOf(seed: number, count: number): Buffer {
  const bytes = Buffer.alloc(count);
  for (let at = 0; at < count; at++) bytes[at] = (seed * 31 + at * 7 + (at >> 8)) & 0xff;
  return bytes;
}

/** The same bytes in pieces of odd lengths, as a socket would bring them. */
export function* inPieces(bytes: Buffer, step = 1777): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += step) yield bytes.subarray(at, at + step);
}

export async function collect(source: AsyncIterable<Buffer>): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of source) pieces.push(piece);
  return Buffer.concat(pieces);
}

function overwritten(old: Buffer, offset: number, bytes: Buffer): Buffer {
  if (bytes.length === 0) return old;
  const result = Buffer.alloc(Math.max(old.length, offset + bytes.length));
  old.copy(result);
  bytes.copy(result, offset);
  return result;
}

export class BlobModel {
  readonly blobs: Modelled[] = [];
  private readonly blobseer: BlobSeer;
  private readonly clean: () => Promise<void>;

  /** `clean` runs the engine's reclaim to its end. */
  constructor(blobseer: BlobSeer, clean: () => Promise<void>) {
    this.blobseer = blobseer;
    this.clean = clean;
  }

  async add(): Promise<void> {
    const blob = await Blob.create(this.blobseer, { pageSize });
    this.blobs.push({ blob, versions: new Map(), newest: Buffer.alloc(0) });
  }

  async run(step: Step): Promise<void> {
    if (step.kind === 'clean') return this.clean();
    const target = this.blobs[step.blob % this.blobs.length]!;
    if (step.kind === 'write') {
      const bytes = bytesOf(step.seed, step.length);
      this.published(target, await target.blob.write(inPieces(bytes)), bytes);
    } else if (step.kind === 'append' || step.kind === 'writeAt') {
      const bytes = bytesOf(step.seed, step.length);
      const offset = step.kind === 'append' ? target.newest.length : step.offset;
      const info =
        step.kind === 'append'
          ? await target.blob.append(inPieces(bytes))
          : await target.blob.writeAt(offset, inPieces(bytes));
      this.published(target, info, overwritten(target.newest, offset, bytes));
    } else await this.runOnVersion(target, step);
  }

  private async runOnVersion(
    target: Modelled,
    step: Extract<Step, { readonly version: number }>,
  ): Promise<void> {
    const versions = [...target.versions.keys()];
    const version = versions[step.version % versions.length];
    if (version === undefined) return;
    const bytes = target.versions.get(version)!;
    if (step.kind === 'edit') {
      // A new version almost equal to an old one: most pages are shared.
      const edited = Buffer.from(bytes);
      if (edited.length > 0) edited.writeUInt8(step.seed & 0xff, step.seed % edited.length);
      this.published(target, await target.blob.write(inPieces(edited)), edited);
    } else if (step.kind === 'clone') {
      const blob = await target.blob.clone(version);
      this.blobs.push({ blob, versions: new Map([[1, bytes]]), newest: bytes });
    } else if (versions.length > 1 && version !== Math.max(...versions)) {
      await target.blob.release(version);
      target.versions.delete(version);
    }
  }

  private published(
    target: Modelled,
    info: { version: number; size: number },
    bytes: Buffer,
  ): void {
    assert.equal(info.size, bytes.length);
    target.versions.set(info.version, bytes);
    target.newest = bytes;
  }

  /** Every version of every blob has exactly its bytes, whole and in ranges. */
  async verify(): Promise<void> {
    for (const { blob, versions } of this.blobs) {
      for (const [version, bytes] of versions) {
        const found = await collect(blob.read({ version }));
        assert.ok(found.equals(bytes), `blob ${blob.id} version ${version} differs`);
        const offset = Math.floor(bytes.length / 3);
        const range = { offset, length: Math.floor(bytes.length / 2) };
        const part = await collect(blob.read({ version, range }));
        assert.ok(part.equals(bytes.subarray(offset, offset + range.length)));
      }
    }
  }
}
