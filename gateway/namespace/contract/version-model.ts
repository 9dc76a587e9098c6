/**
 * A model of versions and listings that is too simple to be wrong: per key a list, newest first, and
 * listings that look at everything. The property test holds an implementation against it.
 */
import type { ListQuery, VersioningState, VersionListQuery } from '../namespace.ts';

export interface ModelVersion {
  readonly key: string;
  /** As the implementation answered; the model only compares. */
  readonly versionId: string;
  readonly isDeleteMarker: boolean;
  /** The blobs its extents hold a reference on. */
  readonly blobs: readonly number[];
  /** The value of its tag; '' for none. */
  readonly tag: string;
}

export interface ModelPage {
  /** `key versionId`, with `*` in front of the latest. */
  readonly items: readonly string[];
  readonly commonPrefixes: readonly string[];
  readonly isTruncated: boolean;
  readonly last: string;
  readonly lastVersionId: string;
}

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

export class VersionModel {
  versioning: VersioningState = 'Unversioned';
  private readonly lists = new Map<string, ModelVersion[]>();
  /** Blobs whose reference must have been given back. */
  readonly dead: number[] = [];

  /** What an undone commit goes back to. */
  copy(): VersionModel {
    const copy = new VersionModel();
    copy.versioning = this.versioning;
    for (const [key, list] of this.lists) copy.lists.set(key, [...list]);
    copy.dead.push(...this.dead);
    return copy;
  }

  keys(): string[] {
    const keys = [...this.lists].filter(([, list]) => list.length > 0).map(([key]) => key);
    return keys.sort(byBytes);
  }

  versionsOf(key: string): readonly ModelVersion[] {
    return this.lists.get(key) ?? [];
  }

  live(): number[] {
    const blobs = [...this.lists.values()].flat().flatMap((version) => version.blobs);
    return blobs.sort((a, b) => a - b);
  }

  put(version: ModelVersion): void {
    if (this.versioning !== 'Enabled') this.remove(version.key, 'null');
    this.lists.set(version.key, [version, ...this.versionsOf(version.key)]);
  }

  remove(key: string, versionId: string): ModelVersion | undefined {
    const removed = this.versionsOf(key).find((version) => version.versionId === versionId);
    if (removed === undefined) return undefined;
    const rest = this.versionsOf(key).filter((version) => version !== removed);
    this.lists.set(key, rest);
    this.dead.push(...removed.blobs);
    return removed;
  }

  amend(key: string, versionId: string, tag: string): boolean {
    const list = this.versionsOf(key);
    this.lists.set(
      key,
      list.map((version) => (version.versionId === versionId ? { ...version, tag } : version)),
    );
    return list.some((version) => version.versionId === versionId);
  }

  listObjects(query: ListQuery): ModelPage {
    const lines = this.keys()
      .map((key) => this.versionsOf(key)[0] as ModelVersion)
      .filter((version) => !version.isDeleteMarker)
      .filter((version) => isBehind(version.key, query))
      .map((version) => ({ version, text: `*${version.key} ${version.versionId}` }));
    return page(lines, query);
  }

  listVersions(query: VersionListQuery): ModelPage {
    const lines = this.keys().flatMap((key) => {
      const list = this.versionsOf(key);
      const marked = list.findIndex((version) => version.versionId === query.afterVersionId);
      const isMarkedKey = key === query.after && query.afterVersionId !== '';
      const from = isMarkedKey ? marked + 1 : isBehind(key, query) ? 0 : list.length;
      return list.slice(from).map((version) => {
        const star = version === list[0] ? '*' : '';
        return { version, text: `${star}${key} ${version.versionId}` };
      });
    });
    return page(lines, query);
  }
}

function commonPrefix(key: string, { prefix, delimiter }: ListQuery): string | undefined {
  if (delimiter === '' || !key.startsWith(prefix)) return undefined;
  const at = key.indexOf(delimiter, prefix.length);
  return at < 0 ? undefined : key.slice(0, at + delimiter.length);
}

function isBehind(key: string, query: ListQuery): boolean {
  if (byBytes(key, query.after) <= 0) return false;
  const isAnswered = commonPrefix(query.after, query) === query.after;
  return query.after === '' || !isAnswered || !key.startsWith(query.after);
}

function page(
  lines: readonly { version: ModelVersion; text: string }[],
  query: ListQuery,
): ModelPage {
  const items: string[] = [];
  const commonPrefixes: string[] = [];
  let last = '';
  let lastVersionId = '';
  for (const { version, text } of lines) {
    if (!version.key.startsWith(query.prefix)) continue;
    const rolled = commonPrefix(version.key, query);
    if (rolled !== undefined && commonPrefixes.at(-1) === rolled) continue;
    if (items.length + commonPrefixes.length === query.limit) {
      return { items, commonPrefixes, isTruncated: query.limit > 0, last, lastVersionId };
    }
    if (rolled === undefined) items.push(text);
    else commonPrefixes.push(rolled);
    last = rolled ?? version.key;
    lastVersionId = rolled === undefined ? version.versionId : '';
  }
  return { items, commonPrefixes, isTruncated: false, last, lastVersionId };
}
