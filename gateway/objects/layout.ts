/**
 * What a version is made of: its extents and parts. Of an object of thousands of parts reading them
 * takes milliseconds, and clients ask for such an object in thousands of ranges, or upload it again in
 * thousands of parts: the last few are kept in memory. A version never changes, so what is kept cannot
 * go stale.
 */
import type {
  Bucket,
  Extent,
  Namespace,
  ObjectPart,
  ObjectVersion,
} from '../namespace/namespace.ts';

export interface Layout {
  readonly extents: readonly Extent[];
  readonly parts: readonly ObjectPart[];
}

/** Of fewer parts, reading is as fast as looking up. */
const minKeptParts = 100;
/** An object of 10,000 parts takes about 2 MB. */
const maxKept = 8;

/** By namespace; in each the layouts by version, the least recently used first. */
const kept = new WeakMap<Namespace, Map<string, Layout>>();

export function layoutOf(
  namespace: Namespace,
  bucket: Pick<Bucket, 'id'>,
  version: ObjectVersion,
): Layout {
  if (version.partCount < minKeptParts) return read(namespace, bucket, version);
  let layouts = kept.get(namespace);
  if (layouts === undefined) {
    layouts = new Map();
    kept.set(namespace, layouts);
  }
  // The sequence tells null versions apart, the id versions of one commit.
  const name = `${bucket.id} ${version.sequence} ${version.versionId} ${version.key}`;
  const layout = layouts.get(name) ?? read(namespace, bucket, version);
  layouts.delete(name);
  layouts.set(name, layout);
  for (const oldest of layouts.keys()) {
    if (layouts.size <= maxKept) break;
    layouts.delete(oldest);
  }
  return layout;
}

function read(namespace: Namespace, bucket: Pick<Bucket, 'id'>, version: ObjectVersion): Layout {
  return {
    extents: namespace.extents(bucket.id, version),
    parts: version.partCount === 0 ? [] : namespace.parts(bucket.id, version),
  };
}
