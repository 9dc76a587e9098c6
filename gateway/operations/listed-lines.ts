/** The lines of ListObjects and ListObjectVersions, written while the namespace walks over them. */
import type { Bytes, ListedObject, ListVisitor } from '../namespace/namespace.ts';
import { DatedMarkup } from '../s3/dated-markup.ts';
import { MarkupBytes } from '../s3/markup-bytes.ts';
import { element } from '../s3/xml.ts';
import type { NameBytesWriter } from './paging.ts';

/** Markup of ours. */
export const tags = (markup: string): Buffer => Buffer.from(markup);

const prefixOpening = tags('<CommonPrefixes><Prefix>');
const prefixClosing = tags('</Prefix></CommonPrefixes>');

/** What neighbouring lines mostly share, made anew where what it is made of has changed. */
export class SharedMarkup<First, Second = undefined> {
  private readonly make: (first: First, second?: Second) => string;
  private first: First | undefined;
  private second: Second | undefined;
  private markup: Buffer | undefined;

  constructor(make: (first: First, second?: Second) => string) {
    this.make = make;
  }

  of(first: First, second?: Second): Buffer {
    if (this.markup === undefined || this.first !== first || this.second !== second) {
      this.markup = tags(this.make(first, second));
      this.first = first;
      this.second = second;
    }
    return this.markup;
  }
}

/** The digest, of 16 bytes, is written over it. */
const digestPlace = '0'.repeat(32);
const etagOpening = '</LastModified><ETag>&quot;';
const etagClosing = '&quot;</ETag>';

/** What stands between a time and a size: a line's ETag and the kind of its checksum. */
interface EtagMarkup {
  readonly toSize: Buffer;
  /** All of it, with the time. */
  readonly withDigest: DatedMarkup;
}

/** From what stands before a line's time to its size. */
export class TimeToSize {
  private readonly before: string;
  private readonly timeToEtag: DatedMarkup;
  /** Few, as a kind of checksum is always the same object. */
  private readonly known = new Map<ListedObject['checksum'], EtagMarkup>();
  private last: EtagMarkup;
  private lastChecksum: ListedObject['checksum'];

  constructor(before: string) {
    this.before = before;
    this.timeToEtag = new DatedMarkup(before, etagOpening);
    this.last = this.markupOf(undefined);
  }

  write(lines: MarkupBytes, line: ListedObject): void {
    const { modifiedMs, digest, checksum } = line;
    if (checksum !== this.lastChecksum) {
      this.last = this.known.get(checksum) ?? this.markupOf(checksum);
      this.lastChecksum = checksum;
    }
    const { toSize, withDigest } = this.last;
    if (digest === undefined) {
      lines.raw(this.timeToEtag.of(modifiedMs));
      lines.text(line.etag);
      lines.raw(toSize);
    } else {
      lines.raw(withDigest.of(modifiedMs));
      lines.hexOver(digest, toSize.length);
    }
  }

  private markupOf(checksum: ListedObject['checksum']): EtagMarkup {
    const toSize = `${etagClosing}${checksumMarkup(checksum)}<Size>`;
    const withDigest = new DatedMarkup(this.before, `${etagOpening}${digestPlace}${toSize}`);
    const markup = { toSize: tags(toSize), withDigest };
    this.known.set(checksum, markup);
    return markup;
  }
}

export abstract class ListedLines implements ListVisitor {
  readonly lines = new MarkupBytes();
  readonly commonPrefixes = new MarkupBytes();
  protected readonly writeName: NameBytesWriter;

  constructor(writeName: NameBytesWriter) {
    this.writeName = writeName;
  }

  abstract object(line: ListedObject): void;

  commonPrefix(prefix: Bytes): void {
    const { commonPrefixes } = this;
    commonPrefixes.raw(prefixOpening);
    this.writeName(commonPrefixes, prefix);
    commonPrefixes.raw(prefixClosing);
  }
}

/** Which checksum an object has is told in lists; its value by HEAD and GetObjectAttributes. */
function checksumMarkup(checksum: ListedObject['checksum']): string {
  if (checksum === undefined) return '';
  const { algorithm, type } = checksum;
  return element('ChecksumAlgorithm', algorithm).markup + element('ChecksumType', type).markup;
}
