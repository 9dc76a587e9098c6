/** Archives in the form ustar (POSIX.1-1988): a few small files for a machine, made in memory. */
import { BlobSeerError } from '../blobseer-client/errors.ts';

const blockBytes = 512;
const maxNameBytes = 100;

export interface TarEntry {
  readonly path: string;
  readonly content: string;
  readonly mode: number;
}

export function tarArchive(entries: readonly TarEntry[]): Buffer {
  const blocks = entries.flatMap((entry) => {
    const content = Buffer.from(entry.content);
    const padding = Buffer.alloc((blockBytes - (content.length % blockBytes)) % blockBytes);
    return [headerOf(entry, content.length), content, padding];
  });
  return Buffer.concat([...blocks, Buffer.alloc(2 * blockBytes)]);
}

function headerOf({ path, mode }: TarEntry, bytes: number): Buffer {
  if (Buffer.byteLength(path) > maxNameBytes) {
    throw new BlobSeerError('invalid-argument', `too long a name for an archive: ${path}`);
  }
  const header = Buffer.alloc(blockBytes);
  const octal = (value: number, at: number, digits: number): void =>
    void header.write(`${value.toString(8).padStart(digits, '0')}\0`, at, 'latin1');
  header.write(path, 0);
  octal(mode, 100, 7);
  octal(0, 108, 7);
  octal(0, 116, 7);
  octal(bytes, 124, 11);
  octal(0, 136, 11);
  header.write('        0', 148, 'latin1');
  header.write('ustar\u000000', 257, 'latin1');
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return header;
}
