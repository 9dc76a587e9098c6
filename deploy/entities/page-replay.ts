/** At a start: what the log says beyond what the index had come to, and files that nobody needs. */
import { BlobSeerError } from '../../blobseer-client/errors.ts';
import type { PageChange, PageIndex } from './page-index.ts';
import { type FoundRecord, PageScan } from './page-scan.ts';
import type { PageSegments } from './page-segments.ts';

export interface ReplayOptions {
  readonly index: PageIndex;
  readonly segments: PageSegments;
  /** Nobody needs it any more. */
  readonly discard: (segment: number) => void;
  /** Of records that were not written whole: expected of the last ones before a loss of power. */
  readonly onTorn: (error: BlobSeerError) => void;
}

/** Leaves the index before a new segment, and all that the log says committed to it. */
export async function replayPages(options: ReplayOptions): Promise<void> {
  const { index, segments, discard } = options;
  const from = index.position;
  const found = await segments.list();
  for (const segment of found) {
    if (segment >= from.segment) await replaySegment(options, segment);
    else if (!index.segments.has(segment)) discard(segment);
  }
  const last = Math.max(from.segment, ...found.slice(-1));
  index.apply([], { segment: last + 1, offset: 0 });
  await index.commit();
}

async function replaySegment(options: ReplayOptions, segment: number): Promise<void> {
  const { index, segments, onTorn } = options;
  const { position } = index;
  let end = segment === position.segment ? position.offset : 0;
  // Also of one without a record the index must know, to have it removed.
  index.apply([], { segment, offset: end });
  await segments.use(segment, async (file) => {
    const scan = new PageScan(file, segment);
    for await (const record of scan.records(end)) {
      end = record.end;
      const isWhole = await scan.isWhole(record);
      if (!isWhole) onTorn(tornAt(segment, record.offset));
      index.apply(isWhole ? [changeOf(index, segment, record)] : [], { segment, offset: end });
      await index.keepUp();
    }
    if (await scan.hasBytesAt(end)) onTorn(tornAt(segment, end));
  });
}

function changeOf(index: PageIndex, segment: number, record: FoundRecord): PageChange {
  const { kind, key, offset, length, crcs } = record;
  const place = kind === 'put' ? { segment, offset, length, crcs } : undefined;
  return { key, place, replaced: index.get(key) };
}

const tornAt = (segment: number, offset: number): BlobSeerError =>
  new BlobSeerError('corrupt', `segment ${segment} has no whole record at ${offset}`);
