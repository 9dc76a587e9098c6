/** Quantities as people write them, "100GiB", to bytes. */
import type { Field } from './field.ts';

const units: Readonly<Record<string, number>> = {
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};
const pattern = /^(\d{1,7})(KiB|MiB|GiB|TiB)$/;

/** Undefined for what is no quantity. */
function bytesOf(value: unknown): number | undefined {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  const match = typeof value === 'string' ? pattern.exec(value) : null;
  return match === null ? undefined : Number(match[1]) * units[match[2]!]!;
}

/** Whole mebibytes: BlobSeer's own configuration knows no smaller ones. */
export function spaceOf(field: Field, max: number): number {
  const bytes = bytesOf(field.scalar());
  if (bytes !== undefined && bytes > 0 && bytes <= max && bytes % units.MiB! === 0) return bytes;
  throw field.wrong('a size in whole MiB, such as 512MiB or 100GiB');
}

export function pageSizeOf(field: Field, min: number, max: number): number | 'auto' {
  const value = field.scalar();
  if (value === 'auto') return 'auto';
  const bytes = bytesOf(value);
  const isPowerOfTwo = bytes !== undefined && Number.isInteger(Math.log2(bytes));
  if (isPowerOfTwo && bytes >= min && bytes <= max) return bytes;
  throw field.wrong('auto, or a power of two from 64KiB to 4MiB');
}
