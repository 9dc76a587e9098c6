/**
 * The decoder of aws-chunked bodies: `x-amz-content-sha256: STREAMING-*`. A state machine that takes
 * buffers split anywhere and gives back slices of them, without copying; it knows neither sockets nor
 * keys. Sources: Amazon S3 API Reference, "Signature calculations: transferring payload in multiple
 * chunks" and "... including trailing headers".
 *
 *     body    = *chunk last trailers CRLF
 *     chunk   = size *( ";" name [ "=" value ] ) CRLF data CRLF
 *     last    = "0" *( ";" ... ) CRLF
 *     trailer = name ":" value CRLF
 */
import { createHash, type Hash } from 'node:crypto';
import { S3Error } from './errors.ts';
import { headerName } from './headers.ts';

/**
 * Checks signatures, in the order in which the chunks came. False or a throw refuses the body: false is
 * answered with a bare SignatureDoesNotMatch.
 */
export interface ChunkVerifier {
  /** `sha256`: hexadecimal, of the chunk's data; the last chunk has none. */
  verifyChunk(sha256: string, signature: string): boolean;
  /** `sha256`: hexadecimal, of the trailers as `name:value\n`, sorted by name. */
  verifyTrailer(sha256: string, signature: string): boolean;
}

export interface AwsChunkedOptions {
  /** Present for the signed forms: each chunk must then carry a signature. */
  readonly verifier?: ChunkVerifier;
  /**
   * Trailers that x-amz-trailer announces, lower case. Undefined for the forms without `-TRAILER`, which
   * can have none.
   */
  readonly trailers?: readonly string[];
  /** x-amz-decoded-content-length, where the client sent it. */
  readonly decodedLength?: number;
}

/** Size, an extension of 81 bytes for the signature, and room for extensions to come. */
const maxChunkHeaderBytes = 1024;
const maxTrailerBytes = 8 * 1024;
const maxTrailers = 16;
/** More slices of one input than this come out as one copy: each costs a hundred bytes and a hop. */
const maxSlices = 16;
/** No PUT and no part is larger (5 GiB), so no chunk is. */
const maxChunkBytes = 5 * 2 ** 30;
/** "The chunk size must be at least 8 KB", for all but the last. Unsigned chunks may be smaller here. */
const minSignedChunkBytes = 8192;
const signatureTrailer = 'x-amz-trailer-signature';

const chunkHeader = /^([0-9a-fA-F]{1,16})((?:;[^;\r\n]*)*)$/;
const signatureForm = /^[0-9a-f]{64}$/;
const cr = 0x0d;
const lf = 0x0a;

type State = 'header' | 'data' | 'data-cr' | 'data-lf' | 'trailer' | 'end';

export class AwsChunkedDecoder {
  /** Filled when the body has ended; without the signature. */
  readonly trailers: ReadonlyMap<string, string>;

  private readonly options: AwsChunkedOptions;
  private readonly received = new Map<string, string>();
  private trailerSignature: string | undefined;
  private state: State = 'header';
  /** A line that began in an earlier buffer. */
  private partialLine = '';
  private trailerBytes = 0;
  private chunkNumber = 0;
  private chunkSize = 0;
  private chunkLeft = 0;
  private chunkSignature = '';
  private chunkHash: Hash | undefined;
  private decodedBytes = 0;

  constructor(options: AwsChunkedOptions) {
    this.options = options;
    this.trailers = this.received;
  }

  /**
   * The next bytes of the body; returns the payload in them, as slices of `input` (a copy where the
   * chunks are tiny). Throws S3Error at the first byte that cannot be right. A chunk's slices come out before its signature is checked:
   * nothing may be final before `finish` has returned.
   */
  push(input: Buffer): Buffer[] {
    const payload: Buffer[] = [];
    let at = 0;
    while (at < input.length) {
      switch (this.state) {
        case 'header':
        case 'trailer':
          at = this.line(input, at);
          break;
        case 'data': {
          const slice = input.subarray(at, at + this.chunkLeft);
          this.chunkHash?.update(slice);
          this.chunkLeft -= slice.length;
          at += slice.length;
          payload.push(slice);
          if (this.chunkLeft === 0) this.state = 'data-cr';
          break;
        }
        case 'data-cr':
          if (input[at] !== cr) throw incomplete();
          at += 1;
          this.state = 'data-lf';
          break;
        case 'data-lf':
          if (input[at] !== lf) throw incomplete();
          at += 1;
          this.endChunk();
          this.state = 'header';
          break;
        case 'end':
          // Bytes behind the end: the framing is not what it claims to be.
          throw incomplete();
      }
    }
    return payload.length > maxSlices ? [Buffer.concat(payload)] : payload;
  }

  /** The body has ended. Throws IncompleteBody where that is too early. */
  finish(): void {
    if (this.state !== 'end') throw incomplete();
  }

  /** Reads up to the next CRLF, which may lie in a later buffer. Returns where it stopped. */
  private line(input: Buffer, from: number): number {
    for (let search = from; ; ) {
      const end = input.indexOf(lf, search);
      const stop = end === -1 ? input.length : end;
      this.limitLine(this.partialLine.length + stop - from);
      if (end === -1) {
        this.partialLine += input.toString('latin1', from);
        return input.length;
      }
      const before =
        end > from ? input[end - 1] : this.partialLine.charCodeAt(this.partialLine.length - 1);
      if (before !== cr) {
        search = end + 1;
        continue;
      }
      const line = (this.partialLine + input.toString('latin1', from, end)).slice(0, -1);
      this.partialLine = '';
      if (this.state === 'header') this.header(line);
      else this.trailer(line);
      return end + 1;
    }
  }

  private limitLine(length: number): void {
    if (this.state === 'header') {
      if (length > maxChunkHeaderBytes) throw incomplete();
    } else if (this.trailerBytes + length > maxTrailerBytes) {
      throw new S3Error('MalformedTrailerError');
    }
  }

  private header(line: string): void {
    const found = chunkHeader.exec(line);
    if (found === null) throw incomplete();
    const size = Number.parseInt(found[1] ?? '', 16);
    if (size > maxChunkBytes) {
      throw new S3Error('EntityTooLarge', {
        fields: { ProposedSize: String(size), MaxSizeAllowed: String(maxChunkBytes) },
      });
    }
    this.chunkNumber += 1;
    const { verifier, decodedLength } = this.options;
    if (verifier !== undefined) {
      if (size > 0 && this.chunkNumber > 1 && this.chunkSize < minSignedChunkBytes) {
        throw new S3Error('InvalidChunkSizeError', {
          fields: { Chunk: String(this.chunkNumber), BadChunkSize: String(this.chunkSize) },
        });
      }
      this.chunkSignature = signatureOf(found[2] ?? '');
      this.chunkHash = createHash('sha256');
    }
    this.chunkSize = size;
    this.chunkLeft = size;
    this.decodedBytes += size;
    if (decodedLength !== undefined && this.decodedBytes > decodedLength) {
      throw wrongLength(decodedLength, this.decodedBytes);
    }
    if (size > 0) {
      this.state = 'data';
      return;
    }
    if (decodedLength !== undefined && this.decodedBytes < decodedLength) {
      throw wrongLength(decodedLength, this.decodedBytes);
    }
    this.endChunk();
    this.state = 'trailer';
  }

  private endChunk(): void {
    const { verifier } = this.options;
    if (verifier === undefined || this.chunkHash === undefined) return;
    if (!verifier.verifyChunk(this.chunkHash.digest('hex'), this.chunkSignature)) {
      throw new S3Error('SignatureDoesNotMatch');
    }
  }

  private trailer(line: string): void {
    if (line === '') {
      this.endTrailers();
      this.state = 'end';
      return;
    }
    this.trailerBytes += line.length + 2;
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(colon, 0)).toLowerCase();
    // AWS's own description puts a LF before the CRLF of a trailer: it is trimmed with other space.
    const value = line.slice(colon + 1).trim();
    if (!headerName.test(name) || /[\r\n]/.test(value)) throw new S3Error('MalformedTrailerError');
    if (name === signatureTrailer && this.isSignedTrailer()) {
      if (this.trailerSignature !== undefined) throw new S3Error('MalformedTrailerError');
      this.trailerSignature = value;
      return;
    }
    const isAnnounced = this.options.trailers?.includes(name) ?? false;
    if (!isAnnounced || this.received.has(name) || this.received.size >= maxTrailers) {
      throw new S3Error('MalformedTrailerError');
    }
    this.received.set(name, value);
  }

  private isSignedTrailer(): boolean {
    return this.options.verifier !== undefined && this.options.trailers !== undefined;
  }

  private endTrailers(): void {
    for (const name of this.options.trailers ?? []) {
      if (!this.received.has(name)) throw new S3Error('MalformedTrailerError');
    }
    if (!this.isSignedTrailer()) return;
    const signature = this.trailerSignature;
    if (signature === undefined) throw new S3Error('MalformedTrailerError');
    const canonical = [...this.received]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, value]) => `${name}:${value}\n`)
      .join('');
    const sha256 = createHash('sha256').update(canonical, 'latin1').digest('hex');
    if (
      !signatureForm.test(signature) ||
      !this.options.verifier?.verifyTrailer(sha256, signature)
    ) {
      throw new S3Error('SignatureDoesNotMatch');
    }
  }
}

/** The value of chunk-signature among the extensions of a chunk. */
function signatureOf(extensions: string): string {
  let signature: string | undefined;
  for (const extension of extensions.split(';')) {
    const [name, value] = extension.split('=', 2);
    if (name?.trim().toLowerCase() !== 'chunk-signature') continue;
    if (signature !== undefined) throw incomplete();
    signature = value?.trim() ?? '';
  }
  if (signature === undefined) throw incomplete();
  if (!signatureForm.test(signature)) throw new S3Error('SignatureDoesNotMatch');
  return signature;
}

function incomplete(): S3Error {
  return new S3Error('IncompleteBody');
}

function wrongLength(expected: number, provided: number): S3Error {
  return new S3Error('IncompleteBody', {
    message:
      'You did not provide the number of bytes specified by the x-amz-decoded-content-length HTTP header.',
    fields: { NumberBytesExpected: String(expected), NumberBytesProvided: String(provided) },
  });
}
