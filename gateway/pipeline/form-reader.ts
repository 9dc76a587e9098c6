/**
 * Reads multipart/form-data as it comes in: the fields up to the part named `file`, then that part's
 * bytes, piece by piece as they are asked for. What follows the file is read to its end and ignored,
 * as S3 does it, but a second file is refused. RFC 7578; RFC 2046 section 5.1.
 */
import { setImmediate } from 'node:timers/promises';
import { Busboy } from '@fastify/busboy';
import { invalidArgument, S3Error } from '../s3/errors.ts';
import type { FormFields } from '../s3/form-fields.ts';
import { fieldName } from '../s3/post-policy.ts';

export interface UploadForm {
  readonly fields: FormFields;
  /** As the client wrote it, a path included; undefined where the part has no name. */
  readonly fileName: string | undefined;
  /**
   * The file's bytes, to be read once. Throws what the source throws, MalformedPOSTRequest where the
   * form breaks off, and InvalidArgument for a second file.
   */
  readonly file: AsyncIterable<Buffer>;
}

/** "The form data and boundaries (excluding the contents of the file) cannot exceed 20 KB." */
export const maxFormBytes = 20 * 1024;
/** What may follow the file: a form's buttons, a few fields. It is read, and kept nowhere. */
const maxRestBytes = 1024 * 1024;
/** Bytes handed to the parser at once. */
const stepBytes = 64 * 1024;
/** The parser settles what it was given within a few turns of the event loop, or never. */
const maxTurns = 16;

/** RFC 2046 section 5.1.1. */
const boundaryText = /^[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]$/;
const boundaryParameter = /;\s*boundary\s*=\s*(?:"([^"]*)"|([^\s;"]*))/gi;
const noBytes = Buffer.alloc(0);
const controls = /[\u0000-\u001f\u007f]/;

/**
 * The boundary in a Content-Type. Throws RequestIsNotMultiPartContent for another type,
 * MalformedPOSTRequest for a boundary that is missing or none.
 */
export function formBoundary(contentType: string | undefined): string {
  if (contentType === undefined || !/^multipart\/form-data\s*(;|$)/i.test(contentType)) {
    throw new S3Error('RequestIsNotMultiPartContent');
  }
  const [found, second] = contentType.matchAll(boundaryParameter);
  const boundary = found?.[1] ?? found?.[2] ?? '';
  if (second !== undefined || !boundaryText.test(boundary)) throw malformed();
  return boundary;
}

/**
 * Reads up to the file. Throws what the source throws, MaxPostPreDataLengthExceeded,
 * MalformedPOSTRequest, and InvalidArgument for a repeated field or where no file comes.
 */
export async function openForm(
  source: AsyncIterable<Buffer>,
  boundary: string,
): Promise<UploadForm> {
  const pieces = source[Symbol.asyncIterator]();
  const parser = new FormParser(boundary);
  let rest: Buffer | undefined;
  while (parser.file === undefined) {
    const next = await pieces.next();
    if (next.done === true) {
      await parser.end();
      throw exactlyOneFile(0);
    }
    // Not a byte more than may stand before the file: nothing there can be larger.
    const room = maxFormBytes - parser.takenBytes;
    if (room > 0) await parser.take(next.value.subarray(0, room));
    if (next.value.length <= room) continue;
    if (parser.file === undefined) {
      throw new S3Error('MaxPostPreDataLengthExceeded', {
        fields: { MaxPostPreDataLengthBytes: String(maxFormBytes) },
      });
    }
    rest = next.value.subarray(room);
  }
  return {
    fields: parser.fields,
    fileName: parser.file.name,
    file: fileBytes(parser, pieces, rest),
  };
}

async function* fileBytes(
  parser: FormParser,
  source: AsyncIterator<Buffer>,
  first: Buffer | undefined,
): AsyncGenerator<Buffer, void, undefined> {
  yield* parser.fileBytes();
  let piece = first ?? noBytes;
  for (;;) {
    for (let at = 0; at < piece.length; at += stepBytes) {
      await parser.take(piece.subarray(at, at + stepBytes));
      yield* parser.fileBytes();
      if (parser.otherBytes > maxFormBytes + maxRestBytes) throw malformed();
    }
    const next = await source.next();
    if (next.done === true) break;
    piece = next.value;
  }
  await parser.end();
  yield* parser.fileBytes();
}

/** The multipart parser with its events made into state, and its errors into ours. */
class FormParser {
  readonly fields = new Map<string, string>();
  file: { readonly name: string | undefined } | undefined;
  takenBytes = 0;
  readonly #parser: InstanceType<typeof Busboy>;
  #filePieces: Buffer[] = [];
  #fileLength = 0;
  #failure: unknown;
  #hasFinished = false;

  constructor(boundary: string) {
    this.#parser = new Busboy({
      headers: { 'content-type': `multipart/form-data; boundary="${boundary}"` },
      // Clients that form their requests by a library may name a file in every part.
      isPartAFile: (name) => name !== undefined && fieldName(name) === 'file',
      preservePath: true,
      limits: { headerSize: maxFormBytes, fieldSize: maxFormBytes },
    });
    this.#parser.on('field', (name, value) => {
      if (this.file === undefined) this.#addField(wellFormed(name ?? ''), wellFormed(value));
    });
    this.#parser.on('file', (_name, stream, fileName: string | undefined) => {
      // It fails too where the form breaks off; a stream that nobody listens to would end the process.
      stream.on('error', () => this.#fail(malformed()));
      if (this.file !== undefined) {
        stream.resume();
        this.#fail(exactlyOneFile(2));
        return;
      }
      this.file = { name: fileName === undefined ? undefined : wellFormed(fileName) };
      stream.on('data', (bytes: Buffer) => {
        this.#filePieces.push(bytes);
        this.#fileLength += bytes.length;
      });
    });
    this.#parser.on('error', () => this.#fail(malformed()));
    this.#parser.on('finish', () => {
      this.#hasFinished = true;
    });
  }

  /** Of what was taken, the bytes that are not the file's. */
  get otherBytes(): number {
    return this.takenBytes - this.#fileLength;
  }

  /** The file's bytes that came since the last call. */
  fileBytes(): readonly Buffer[] {
    const pieces = this.#filePieces;
    this.#filePieces = [];
    return pieces;
  }

  /** Throws what is wrong with the form so far. */
  async take(bytes: Buffer): Promise<void> {
    this.takenBytes += bytes.length;
    let isTaken = false;
    this.#parser.write(bytes, () => {
      isTaken = true;
    });
    await this.#settled(() => isTaken);
  }

  /** The source has ended: throws MalformedPOSTRequest where the form has not. */
  async end(): Promise<void> {
    this.#parser.end();
    await this.#settled(() => this.#hasFinished);
  }

  async #settled(isDone: () => boolean): Promise<void> {
    for (let turn = 0; turn < maxTurns; turn += 1) {
      if (this.#failure !== undefined) throw this.#failure;
      if (isDone()) return;
      await setImmediate();
    }
    throw malformed();
  }

  #addField(givenName: string, value: string): void {
    if (givenName === '' || controls.test(givenName)) {
      this.#fail(malformed());
      return;
    }
    const name = fieldName(givenName);
    if (!this.fields.has(name)) this.fields.set(name, value);
    // Which of the two would be the one that the policy speaks of?
    else {
      this.#fail(
        invalidArgument(givenName, value, `POST must not contain the field '${givenName}' twice.`),
      );
    }
  }

  #fail(failure: unknown): void {
    this.#failure ??= failure;
  }
}

/** A part may be in UTF-16 if it says so, and then hold half a character, which no key can. */
function wellFormed(text: string): string {
  return Buffer.from(text).toString();
}

function exactlyOneFile(count: number): S3Error {
  return invalidArgument(
    'file',
    String(count),
    'POST requires exactly one file upload per request.',
  );
}

function malformed(): S3Error {
  return new S3Error('MalformedPOSTRequest');
}
