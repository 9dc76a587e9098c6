/** Turns what the operating system says into the few kinds of BlobSeerError. */
import { BlobSeerError } from '../errors.ts';

const noSpaceCodes = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);
const deniedCodes = new Set(['EACCES', 'EPERM', 'EROFS']);

export function errorCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** An error that is already ours passes; any other gets a kind and the words of what was tried. */
export function translateIoError(error: unknown, what: string): BlobSeerError {
  if (error instanceof BlobSeerError) return error;
  const code = errorCode(error);
  const reason = error instanceof Error ? error.message : String(error);
  const options = { cause: error };
  const noSpace = code !== undefined && noSpaceCodes.has(code);
  const denied = code !== undefined && deniedCodes.has(code);
  if (noSpace || /no space left|MDB_MAP_FULL/i.test(reason)) {
    return new BlobSeerError('no-space', `${what}: no space left on the device`, options);
  }
  if (denied || /permission denied|read-only file system/i.test(reason)) {
    return new BlobSeerError('denied', `${what}: ${reason}`, options);
  }
  return new BlobSeerError('stopped', `${what}: ${reason}`, options);
}

/** A failed write of new data concerns that write alone; nothing acknowledged is in doubt. */
export function writeError(error: unknown, what: string): BlobSeerError {
  const translated = translateIoError(error, what);
  if (translated.kind !== 'stopped' || error instanceof BlobSeerError) return translated;
  return new BlobSeerError('unavailable', translated.message, { cause: error });
}
