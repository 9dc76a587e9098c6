/** Pages of listings as lists, for tests: the lines that a visitor is given, taken out. */
import type {
  Bytes,
  ListedObject,
  ListPage,
  ListQuery,
  ListVisitor,
  Namespace,
  VersionListQuery,
} from '../namespace.ts';

export type Line = Omit<ListedObject, 'key' | 'versionId' | 'digest'> & {
  readonly key: string;
  readonly versionId: string;
};

class Lines implements ListVisitor {
  readonly items: Line[] = [];
  readonly commonPrefixes: string[] = [];

  object(line: ListedObject): void {
    const { isDeleteMarker, isLatest, size, etag } = line;
    const [key, versionId] = [line.key.toString(), line.versionId.toString()];
    const { modifiedMs, ownerId, storageClass, checksum } = line;
    const head = { key, versionId, isDeleteMarker, isLatest, size, etag };
    this.items.push({ ...head, modifiedMs, ownerId, storageClass, checksum });
  }

  commonPrefix(prefix: Bytes): void {
    this.commonPrefixes.push(prefix.toString());
  }
}

export function objectsPage(
  namespace: Namespace,
  bucketId: number,
  query: ListQuery,
): ListPage<Line> {
  const lines = new Lines();
  const { isTruncated, last } = namespace.listObjects(bucketId, query, lines);
  const { items, commonPrefixes } = lines;
  return { items, commonPrefixes, isTruncated, last };
}

export function versionsPage(
  namespace: Namespace,
  bucketId: number,
  query: VersionListQuery,
): ListPage<Line> & { readonly lastVersionId: string } {
  const lines = new Lines();
  const { isTruncated, last, lastVersionId } = namespace.listVersions(bucketId, query, lines);
  const { items, commonPrefixes } = lines;
  return { items, commonPrefixes, isTruncated, last, lastVersionId };
}

/** Looks at no line. */
export const blind: ListVisitor = { object() {}, commonPrefix() {} };
