/**
 * Reads ranges of a table into one buffer. For each row `lmdb` makes an array of the key and one of the
 * value, which takes longer than its walk; what it does with them is for encoders to say. These ones
 * copy the bytes to where they are wanted and make nothing.
 */
import type { Database, RootDatabase } from 'lmdb';
import { PackedRows } from '../packed-rows.ts';

type RangeOptions = Parameters<Database<void, Uint8Array>['getRange']>[0] & object;

/** Where keys have an encoder, what `lmdb` takes for a beginning that is not given is not the least. */
const leastKey = Buffer.from([0]);
const noRows = new PackedRows();

export class PackedRange {
  private readonly database: Database<void, Uint8Array>;
  private rows = noRows;

  /** A second handle on the table `name`, for these walks alone. */
  constructor(root: RootDatabase<Buffer, Uint8Array>, name: string) {
    // A variable, as the types of `lmdb` know encoders of the root only.
    const options = {
      encoding: 'binary' as const,
      keyEncoder: {
        writeKey(key: Uint8Array, target: Uint8Array, start: number) {
          target.set(key, start);
          return start + key.length;
        },
        readKey: (source: Uint8Array, start: number, end: number) => {
          this.rows.addKey(source, start, end);
        },
      },
      encoder: {
        encode() {
          throw new TypeError('this handle only reads');
        },
        decode: (bytes: Uint8Array, length: number) => this.rows.addValue(bytes, 0, length),
      },
    };
    this.database = root.openDB<void, Uint8Array>(name, options);
  }

  read(options: RangeOptions, rows: PackedRows): void {
    rows.clear();
    if (options.reverse !== true) options.start ??= leastKey;
    else if (options.end === undefined) {
      options.end = leastKey;
      options.inclusiveEnd = true;
    }
    this.rows = rows;
    const walk = this.database.getRange(options)[Symbol.iterator]();
    while (walk.next().done !== true);
    this.rows = noRows;
  }
}
