/**
 * The list of a checkpoint's files: a line for each, with its SHA-256, its length, its key (it is `files/KEY` in the
 * place) and its path below the data directory; in the order of their keys. There may be millions: they are read
 * and written as a stream.
 */
import { BlobSeerError } from '../../blobseer-client/errors.ts';
import { checked, type Digest, type NamedDigest } from './digest.ts';
import type { Place } from './place.ts';

const linePattern =
  /^([0-9a-f]{64}) (\d{1,15}) ([0-9a-z][0-9a-z/-]{0,199}) ([0-9a-z][0-9a-z/-]{0,199})$/;
const maxLineBytes = 600;
const newline = 0x0a;

export interface ListedFile {
  readonly key: string;
  /** Below the data directory. */
  readonly path: string;
  readonly digest: Digest;
}

export const fileName = (key: string): string => `files/${key}`;

export function encodeLine({ key, path, digest }: ListedFile): string {
  return `${digest.sha256} ${digest.bytes} ${key} ${path}\n`;
}

/** Throws `corrupt`; at the end, when all in all it is not what the manifest says. */
export async function* readFileList(place: Place, list: NamedDigest): AsyncGenerator<ListedFile> {
  let rest: Buffer = Buffer.alloc(0);
  let lastKey = '';
  for await (const piece of checked(place.read(list.name), list, list.name)) {
    let bytes = rest.length === 0 ? piece : Buffer.concat([rest, piece]);
    for (let end = bytes.indexOf(newline); end >= 0; end = bytes.indexOf(newline)) {
      const file = decodeLine(bytes.toString('latin1', 0, end), list.name);
      if (file.key <= lastKey) throw damaged(list.name);
      lastKey = file.key;
      yield file;
      bytes = bytes.subarray(end + 1);
    }
    if (bytes.length > maxLineBytes) throw damaged(list.name);
    rest = bytes;
  }
  if (rest.length > 0) throw damaged(list.name);
}

function decodeLine(line: string, name: string): ListedFile {
  const [, sha256, bytes, key, path] = linePattern.exec(line) ?? [];
  if (sha256 === undefined || bytes === undefined || key === undefined || path === undefined) {
    throw damaged(name);
  }
  return { key, path, digest: { sha256, bytes: Number(bytes) } };
}

const damaged = (name: string): BlobSeerError =>
  new BlobSeerError('corrupt', `${name} is damaged: a line makes no sense`);

/**
 * Looks keys up in a list that is in their order, when they are asked for in that order too: neither has to
 * be in memory.
 */
export class FileLookUp {
  readonly #files: AsyncIterator<ListedFile>;
  #next: ListedFile | undefined;
  #hasEnded = false;

  constructor(files: AsyncIterable<ListedFile>) {
    this.#files = files[Symbol.asyncIterator]();
  }

  async find(key: string): Promise<ListedFile | undefined> {
    while (!this.#hasEnded && (this.#next === undefined || this.#next.key < key)) {
      const { value, done } = await this.#files.next();
      this.#hasEnded = done === true;
      this.#next = done === true ? undefined : value;
    }
    return this.#next?.key === key ? this.#next : undefined;
  }

  /** Reads the rest too: only then is all of it known to be right. */
  async end(): Promise<void> {
    while (!this.#hasEnded) this.#hasEnded = (await this.#files.next()).done === true;
  }
}
