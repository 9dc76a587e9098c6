/** How much of the disk a directory takes. */
import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';

export const mebibyte = 1024 * 1024;
const blockBytes = 512;

/** In MiB. */
export function diskUseMiB(directory: string): number {
  let blocks = 0;
  for (const name of readdirSync(directory, { recursive: true }).map(String)) {
    const file = path.join(directory, name);
    blocks += statSync(file, { throwIfNoEntry: false })?.blocks ?? 0;
  }
  return (blocks * blockBytes) / mebibyte;
}
