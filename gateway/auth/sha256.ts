/**
 * SHA-256 of short texts, of which every signed request has some: in one call each, over memory that is
 * used again.
 */
import { hash } from 'node:crypto';

/** A canonical request has some 300 characters; longer ones get memory of their own. */
const maxReusedBytes = 2048;

/** Of one text at a time, never across an await. */
const reused = Buffer.alloc(maxReusedBytes);

/** 64 hexadecimal digits. `text` has one character per byte. */
export function sha256Hex(text: string): string {
  const { length } = text;
  if (length > maxReusedBytes) return hash('sha256', Buffer.from(text, 'latin1'), 'hex');
  reused.write(text, 0, 'latin1');
  return hash('sha256', reused.subarray(0, length), 'hex');
}
