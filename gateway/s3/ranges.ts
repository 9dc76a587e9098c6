/**
 * The Range header of GET and HEAD, and its strict relative in UploadPartCopy.
 * Source: RFC 9110 section 14; S3 answers one range or the whole object.
 */
import { invalidArgument, S3Error } from './errors.ts';

/** Bytes from `start` to `end`, both included. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
  readonly length: number;
}

const singleRange = /^bytes=([0-9]*)-([0-9]*)$/i;

/**
 * The range to answer with 206, or undefined for the whole object with 200: no header, several ranges,
 * or one that is malformed. Throws 416 InvalidRange where no byte of the object is asked for.
 */
export function parseRange(header: string | undefined, size: number): ByteRange | undefined {
  const found = header === undefined ? null : singleRange.exec(header.trim());
  if (header === undefined || found === null) return undefined;
  const [, first = '', last = ''] = found;
  if (first === '') {
    if (last === '') return undefined;
    const suffixLength = Math.min(Number(last), size);
    if (suffixLength === 0) throw unsatisfiable(header, size);
    return range(size - suffixLength, size - 1);
  }
  const start = Number(first);
  const end = last === '' ? size - 1 : Math.min(Number(last), size - 1);
  if (last !== '' && Number(last) < start) return undefined;
  if (start >= size) throw unsatisfiable(header, size);
  return range(start, end);
}

/** Content-Range of a 206. */
export function contentRange({ start, end }: ByteRange, size: number): string {
  return `bytes ${start}-${end}/${size}`;
}

/** x-amz-copy-source-range: `bytes=first-last`, both given and within the source, else InvalidArgument. */
export function parseCopySourceRange(header: string, size: number): ByteRange {
  const [, first = '', last = ''] = singleRange.exec(header) ?? [];
  const start = Number(first);
  const end = Number(last);
  if (first === '' || last === '' || end < start) {
    throw invalidArgument(
      'x-amz-copy-source-range',
      header,
      'The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy',
    );
  }
  if (end >= size) {
    throw invalidArgument(
      'x-amz-copy-source-range',
      header,
      `Range specified is not valid for source object of size: ${size}`,
    );
  }
  return range(start, end);
}

function range(start: number, end: number): ByteRange {
  return { start, end, length: end - start + 1 };
}

function unsatisfiable(header: string, size: number): S3Error {
  return new S3Error('InvalidRange', {
    fields: { RangeRequested: header, ActualObjectSize: String(size) },
    headers: { 'Content-Range': `bytes */${size}` },
  });
}
