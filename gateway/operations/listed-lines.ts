/** The lines of ListObjects and ListObjectVersions, written while the namespace walks over them. */
import type { Bytes, ListedObject, ListVisitor } from '../namespace/namespace.ts';
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

export abstract class ListedLines implements ListVisitor {
  readonly lines = new MarkupBytes();
  readonly commonPrefixes = new MarkupBytes();
  protected readonly writeName: NameBytesWriter;
  /** Which checksum an object has is told in lists; its value by HEAD and GetObjectAttributes. */
  protected readonly etagToSize = new SharedMarkup(
    (checksum: ListedObject['checksum']) => `&quot;</ETag>${checksumMarkup(checksum)}<Size>`,
  );

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

  /** Between its quotation marks. */
  protected writeEtag(line: ListedObject): void {
    const { digest } = line;
    if (digest === undefined) this.lines.text(line.etag);
    else this.lines.hex(digest);
  }
}

function checksumMarkup(checksum: ListedObject['checksum']): string {
  if (checksum === undefined) return '';
  const { algorithm, type } = checksum;
  return element('ChecksumAlgorithm', algorithm).markup + element('ChecksumType', type).markup;
}
