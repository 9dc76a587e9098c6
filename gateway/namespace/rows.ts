/**
 * What every row of the namespace begins with: a format byte, so that a later release can change a
 * layout and this one refuses what it does not know.
 */
import { ByteReader, ByteWriter } from './bytes.ts';
import { NamespaceError } from './errors.ts';

export const format = 1;

/** Turns what a damaged row does to a reader into an error that names the table. */
export function decoding<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new NamespaceError('corrupt', `unreadable row of ${what}: ${error.message}`, {
      cause: error,
    });
  }
}

/** Reads the format byte that every row begins with. */
export function openRow(what: string, value: Buffer): ByteReader {
  const reader = new ByteReader(value);
  checkFormat(what, reader);
  return reader;
}

/** The same with a reader that stands before it; returns the format, which is `newest` at most. */
export function checkFormat(what: string, reader: ByteReader, newest = format): number {
  const found = reader.remaining === 0 ? 'none' : reader.u8();
  if (found === 'none' || found < format || found > newest) {
    const known = newest === format ? `${format}` : `${format} to ${newest}`;
    const text = `row of ${what} has format ${found}, known is ${known}`;
    throw new NamespaceError('corrupt', text);
  }
  return found;
}

export function newRow(): ByteWriter {
  const writer = new ByteWriter();
  writer.u8(format);
  return writer;
}
