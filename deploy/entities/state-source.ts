/** An entity's directory as the source of checkpoints: opened beside the entity, which goes on. */
import { existsSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { beginCut, type NamedFile, rowsIn } from '../../blobseer-client/embedded/checkpoint-cut.ts';
import type { DatabaseCut } from '../../blobseer-client/embedded/database-cut.ts';
import type { CheckpointSource } from '../../blobseer-client/embedded/directory-source.ts';
import { Environment } from '../../blobseer-client/embedded/environment.ts';
import { type Lineage, lifeOf } from '../../blobseer-client/embedded/lineage.ts';
import { BlobSeerError } from '../../blobseer-client/errors.ts';
import { segmentsFolder } from './page-segments.ts';
import { type EntityTable, formatVersion, ownerOf, stateFile } from './state.ts';

const segmentsPerFolder = 4096;

/** Throws `not-found` where no entity has its state. */
export async function openStateSource(directory: string): Promise<CheckpointSource> {
  const file = path.join(directory, stateFile);
  if (!existsSync(file)) {
    throw new BlobSeerError('not-found', `there is no state of an entity in ${directory}`);
  }
  const environment = new Environment({ file });
  const owner = ownerOf(environment);
  if (owner === undefined || owner.format > formatVersion) {
    await environment.close();
    throw new BlobSeerError('invalid-argument', `${directory} is of no entity that is known here`);
  }
  const { role, format } = owner;
  const tables = role === 'data-provider' ? logTables(environment) : undefined;
  return {
    kind: role,
    format,
    beginCut: (holder) =>
      beginCut(
        {
          environment,
          nowMs: Date.now,
          filesIn: async (cut, lineage) =>
            tables === undefined ? [] : await namedSegments(cut, tables, directory, lineage),
        },
        holder,
      ),
    close: () => environment.close(),
  };
}

interface LogTables {
  readonly segments: EntityTable;
  readonly counters: EntityTable;
}

/** A table must have been opened before a view that it is read in. */
const logTables = (environment: Environment): LogTables => ({
  segments: environment.table('segments'),
  counters: environment.table('counters'),
});

/**
 * The segments that the index names in the view, and those that the log has from where the index had come
 * to: these are read again at a start, up to where they end now. The newest is looked at first: what is in
 * an older one was written before what is in a newer one.
 */
async function namedSegments(
  cut: DatabaseCut,
  { segments, counters }: LogTables,
  directory: string,
  lineage: Lineage,
): Promise<NamedFile[]> {
  const named = new Set<number>();
  for await (const { key } of rowsIn(cut, segments)) {
    named.add(key.readUInt32BE());
  }
  const open = await openSegment(cut, counters);
  const folder = path.join(directory, segmentsFolder);
  const found = (await readdir(folder)).filter((name) => /^\d+$/.test(name)).map(Number);
  const wanted = new Set([...named, ...found.filter((segment) => segment >= open)]);
  const files: NamedFile[] = [];
  for (const segment of [...wanted].sort((left, right) => right - left)) {
    const { size } = await stat(path.join(folder, `${segment}`)).catch(() => {
      throw new BlobSeerError('corrupt', `segment ${segment} in ${folder} is missing`);
    });
    files.push({
      key: keyOf(segment, size, lineage),
      path: path.posix.join(segmentsFolder, `${segment}`),
      ...(segment >= open && { bytes: size }),
    });
  }
  return files.reverse();
}

/** The one that the index has come to in the view; those before it are not written to any more. */
async function openSegment(cut: DatabaseCut, counters: EntityTable): Promise<number> {
  for await (const { key, value } of rowsIn(cut, counters)) {
    if (key.toString() === 'segment') return value.readDoubleBE();
  }
  return 0;
}

/** Fixed widths, so that the order of keys is that of segments. One that has grown is another file. */
function keyOf(segment: number, bytes: number, lineage: Lineage): string {
  const folder = hex(Math.floor(segment / segmentsPerFolder), 9);
  const rest = [hex(segment % segmentsPerFolder, 3), hex(bytes, 12), lifeOf(lineage, segment)];
  return `${folder}/${rest.join('-')}`;
}

const hex = (value: number, width: number): string => value.toString(16).padStart(width, '0');
