/** The line of a listing that a walk stands on: entries and version rows, read where they lie. */
import type { PackedRows } from '../../blobseer-client/index.ts';
import { ByteReader, noBytes, Span } from './bytes.ts';
import { nullVersionId, versionIdLength } from './ids.ts';
import { birthBytes } from './keys.ts';
import type { ListedObject } from './namespace.ts';
import type { Owners } from './owners.ts';
import { checkFormat, decoding } from './rows.ts';
import { Head, readIsWhole } from './version-records.ts';

const nullId = spanOf(Buffer.from(nullVersionId));

function spanOf(bytes: Buffer): Span {
  const span = new Span();
  span.moveTo(bytes, 0, bytes.length);
  return span;
}

export class ListedLine extends Head implements ListedObject {
  readonly key = new Span();
  isLatest = true;
  private readonly id = spanOf(Buffer.alloc(versionIdLength));
  private readonly owners: Owners;
  private readonly reader = new ByteReader(noBytes);

  constructor(owners: Owners) {
    super();
    this.owners = owners;
  }

  get versionId(): Span {
    if (this.isNull) return nullId;
    this.writeVersionId(this.id.bytes);
    return this.id;
  }

  readEntry(rows: PackedRows, row: number): void {
    this.reader.moveTo(rows.bytes, rows.valueStart(row), rows.valueEnd(row));
    decoding('entries', this.entry);
  }

  readVersion(rows: PackedRows, row: number): void {
    this.reader.moveTo(rows.bytes, rows.valueStart(row), rows.valueEnd(row));
    decoding('versions', this.version);
  }

  // Made once: a function for each line is felt.
  private readonly entry = () => {
    const { reader } = this;
    const isWhole = readIsWhole(reader);
    const birthAt = reader.skip(birthBytes);
    if (isWhole) checkFormat('versions', reader);
    this.read(reader, reader.buffer, birthAt, this.owners);
  };

  /** Its birth is the end of its row key, which lies in front of the value. */
  private readonly version = () => {
    const { reader } = this;
    const birthAt = reader.offset - birthBytes;
    checkFormat('versions', reader);
    this.read(reader, reader.buffer, birthAt, this.owners);
  };
}
