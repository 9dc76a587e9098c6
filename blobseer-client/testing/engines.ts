/** Engines in directories of their own, for tests. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type EmbeddedBlobSeer, type EmbeddedOptions, openEmbedded } from '../embedded/embedded.ts';

export async function withDirectory(run: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(path.join(tmpdir(), 'blobseer-'));
  try {
    await run(directory);
  } finally {
    await rm(directory, { recursive: true });
  }
}

export function withEngine(
  run: (engine: EmbeddedBlobSeer, directory: string) => Promise<void>,
  options: Partial<EmbeddedOptions> = {},
): Promise<void> {
  return withDirectory(async (directory) => {
    const engine = await openEmbedded({ directory, role: 'alone', ...options });
    try {
      await run(engine, directory);
    } finally {
      await engine.close();
    }
  });
}

/** Runs the background work until nothing is left that it could do. */
export async function clean(engine: EmbeddedBlobSeer): Promise<void> {
  for (let pass = 0; pass < 3; pass++) await engine.maintain();
}

/** Paths of all page files below the directory. */
export async function pageFiles(directory: string): Promise<string[]> {
  const root = path.join(directory, 'pages');
  const names = await readdir(root, { recursive: true }).catch(() => []);
  return names.filter((name) => /\d+-\d+$/.test(name)).map((name) => path.join(root, name));
}

/** Rows per table of the engine. All zero means that nothing is left of any blob. */
export function leftovers(engine: EmbeddedBlobSeer): Record<string, number> {
  engine.store.refresh();
  const names = ['snapshots', 'children', 'blocks', 'pages', 'files', 'graves', 'doomed', 'sparse'];
  return Object.fromEntries(
    names.map((name) => [name, engine.store.table(name).keys({ limit: 1000 }).length]),
  );
}
