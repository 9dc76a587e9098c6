/** The page files that the tables name in a view, as a checkpoint knows them: packed, since there may be millions. */
import path from 'node:path';
import { type NamedFile, rowsIn } from './checkpoint-cut.ts';
import type { DatabaseCut } from './database-cut.ts';
import type { Environment } from './environment.ts';
import { type Lineage, lifeOf } from './lineage.ts';
import { type FileName, pageFilePath, pagesDirectory } from './page-files.ts';
import { decodeFile } from './records.ts';

const packedBytes = 16;
const filesPerFolder = 4096;

export async function namedPageFiles(
  cut: DatabaseCut,
  files: ReturnType<Environment['table']>,
  lineage: Lineage,
): Promise<Iterable<NamedFile>> {
  const packs: Buffer[] = [];
  for await (const { key, value } of rowsIn(cut, files)) {
    const { instance, generation } = decodeFile(value);
    const packed = Buffer.allocUnsafe(packedBytes);
    key.copy(packed, 0, 0, 6);
    packed.writeUIntBE(instance, 6, 6);
    packed.writeUInt32BE(generation, 12);
    packs.push(packed);
  }
  const all = Buffer.concat(packs);
  return {
    *[Symbol.iterator]() {
      for (let at = 0; at < all.length; at += packedBytes) {
        const name: FileName = {
          fileId: all.readUIntBE(at, 6),
          instance: all.readUIntBE(at + 6, 6),
          generation: all.readUInt32BE(at + 12),
        };
        yield {
          key: keyOf(name, lineage),
          path: path.posix.join(pagesDirectory, pageFilePath(name)),
        };
      }
    },
  };
}

/** Fixed widths, so that the order of keys is that of file ids. Whoever wrote the file gave its instance. */
function keyOf({ instance, fileId, generation }: FileName, lineage: Lineage): string {
  const folder = hex(Math.floor(fileId / filesPerFolder), 9);
  const rest = [
    hex(fileId % filesPerFolder, 3),
    hex(generation, 8),
    hex(instance, 12),
    lifeOf(lineage, instance),
  ];
  return `${folder}/${rest.join('-')}`;
}

const hex = (value: number, width: number): string => value.toString(16).padStart(width, '0');
