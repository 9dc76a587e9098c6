/** Files that are made and made durable. */
import { mkdir, open, rm } from 'node:fs/promises';

const privateDirectory = 0o700;
const privateFile = 0o600;

/** A new file with these bytes, durable. */
export async function writeFile(source: AsyncIterable<Buffer>, file: string): Promise<void> {
  const target = await open(file, 'wx', privateFile);
  try {
    for await (const piece of source) await target.writeFile(piece);
    await target.datasync();
  } finally {
    await target.close();
  }
}

/** Of a directory: the names in it. */
export async function syncFile(file: string): Promise<void> {
  const handle = await open(file, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** An empty one in its place. */
export async function clearDirectory(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { recursive: true, mode: privateDirectory });
}
