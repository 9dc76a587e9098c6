/**
 * The rows of a range in one buffer, one behind another, and their places in it: a walk over a
 * thousand of them needs no object for each. A row's value begins where its key ends.
 */

const placesPerRow = 3;
const firstRows = 16;
/** What short keys with short values take; the buffer grows where this is too little. */
const expectedRowBytes = 96;

export class PackedRows {
  /** Behind the last row it is nobody's. */
  bytes: Buffer = Buffer.allocUnsafe(firstRows * expectedRowBytes);
  private view = viewOf(this.bytes);
  private length = 0;
  /** Where each key begins, where its value does, and where that ends. */
  private places = new Int32Array(firstRows * placesPerRow);
  private rows = 0;
  private readonly keySource = new Source();
  private readonly valueSource = new Source();

  /** Memory is kept for the rows that come next. */
  clear(): void {
    this.length = 0;
    this.rows = 0;
  }

  get count(): number {
    return this.rows;
  }

  keyStart(row: number): number {
    return this.places[placesPerRow * row]!;
  }

  valueStart(row: number): number {
    return this.places[placesPerRow * row + 1]!;
  }

  valueEnd(row: number): number {
    return this.places[placesPerRow * row + 2]!;
  }

  /** A view. */
  key(row: number): Buffer {
    return this.bytes.subarray(this.keyStart(row), this.valueStart(row));
  }

  /** A view. */
  value(row: number): Buffer {
    return this.bytes.subarray(this.valueStart(row), this.valueEnd(row));
  }

  /** Bytes [start, end) are the next row's key; its value is added next. */
  addKey(bytes: Uint8Array, start: number, end: number): void {
    const place = placesPerRow * this.rows;
    if (place === this.places.length) this.growPlaces();
    this.places[place] = this.length;
    this.add(this.keySource.of(bytes), start, end - start);
    this.places[place + 1] = this.length;
  }

  /** Bytes [start, end) are the value of the key added last. */
  addValue(bytes: Uint8Array, start: number, end: number): void {
    this.add(this.valueSource.of(bytes), start, end - start);
    this.places[placesPerRow * this.rows + 2] = this.length;
    this.rows += 1;
  }

  /** Rows [from, to) of another, which are one piece there. */
  addRows(source: PackedRows, from: number, to: number): void {
    if (from >= to) return;
    const start = source.keyStart(from);
    const end = source.valueEnd(to - 1);
    if (this.length + end - start > this.bytes.length) this.grow(end - start);
    source.bytes.copy(this.bytes, this.length, start, end);
    while (this.places.length < placesPerRow * (this.rows + to - from)) this.growPlaces();
    const moved = this.length - start;
    let place = placesPerRow * this.rows;
    for (let at = placesPerRow * from; at < placesPerRow * to; at += 1) {
      this.places[place++] = source.places[at]! + moved;
    }
    this.length += end - start;
    this.rows += to - from;
  }

  /** Leaves the last bytes of a row's value out. */
  shortenValue(row: number, count: number): void {
    this.places[placesPerRow * row + 2]! -= count;
  }

  /** Four bytes at a time: native copies take longer to call than most rows to copy. */
  private add(source: DataView, start: number, count: number): void {
    if (this.length + count > this.bytes.length) this.grow(count);
    const { view: target, length } = this;
    const words = count & ~3;
    let at = 0;
    for (; at < words; at += 4) target.setUint32(length + at, source.getUint32(start + at));
    for (; at < count; at += 1) target.setUint8(length + at, source.getUint8(start + at));
    this.length += count;
  }

  private growPlaces(): void {
    const larger = new Int32Array(2 * this.places.length + placesPerRow);
    larger.set(this.places);
    this.places = larger;
  }

  private grow(count: number): void {
    const larger = Buffer.allocUnsafe(Math.max(2 * this.bytes.length, this.length + count));
    this.bytes.copy(larger, 0, 0, this.length);
    this.bytes = larger;
    this.view = viewOf(larger);
  }
}

/** The view of an array, kept as long as rows come in the same one. */
class Source {
  private array: Uint8Array | undefined;
  private view = viewOf(new Uint8Array());

  of(array: Uint8Array): DataView {
    if (array !== this.array) {
      this.array = array;
      this.view = viewOf(array);
    }
    return this.view;
  }
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}
