/** Files that are their owner's alone, replaced whole or not at all, and on the disk when that is done. */
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';

const privateFile = 0o600;
const privateDirectory = 0o700;

export function writePrivateFile(file: string, content: string): void {
  const draft = `${file}.new`;
  const descriptor = openSync(draft, 'w', privateFile);
  try {
    writeSync(descriptor, content);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(draft, file);
  syncDirectory(path.dirname(file));
}

/** Where it is absent, with what is above it. */
export function makePrivateDirectory(directory: string): void {
  if (existsSync(directory)) return;
  const parent = path.dirname(directory);
  // Not mkdir's own `recursive`: below /proc Node 20 then tries for ever.
  makePrivateDirectory(parent);
  mkdirSync(directory, privateDirectory);
  syncDirectory(parent);
}

function syncDirectory(directory: string): void {
  const descriptor = openSync(directory, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
