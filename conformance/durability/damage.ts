/** A disk that no longer has what was written to it. */
import { closeSync, openSync, readdirSync, readFileSync, statSync, writeSync } from 'node:fs';
import path from 'node:path';

/** Flips one bit where the marker lies in the first file that holds it; false when none does. */
export function damage(directory: string, marker: Buffer): boolean {
  for (const name of readdirSync(directory, { recursive: true }).map(String)) {
    const file = path.join(directory, name);
    if (!statSync(file).isFile()) continue;
    const bytes = readFileSync(file);
    const at = bytes.lastIndexOf(marker);
    if (at < 0) continue;
    const descriptor = openSync(file, 'r+');
    writeSync(descriptor, Buffer.from([(bytes[at + 5] ?? 0) ^ 0x10]), 0, 1, at + 5);
    closeSync(descriptor);
    return true;
  }
  return false;
}
