/** Small documents of JSON behind their own SHA-256: a damaged one is refused. */
import { BlobSeerError } from '../../blobseer-client/errors.ts';
import { digestOfBytes } from './digest.ts';
import type { Place } from './place.ts';

export function sealed(document: object): Buffer {
  const text = JSON.stringify(document, undefined, 2);
  return Buffer.from(`${digestOfBytes(Buffer.from(text)).sha256}\n${text}\n`);
}

/** Throws `corrupt`. What comes out was written by a program of ours, whole. */
export function openSealed<Document>(bytes: Buffer, name: string): Document {
  const end = bytes.indexOf('\n');
  const text = bytes.subarray(end + 1, -1);
  const isWhole = bytes.at(-1) === 0x0a;
  const seal = bytes.toString('latin1', 0, Math.max(0, end));
  if (!isWhole || seal !== digestOfBytes(text).sha256) throw damaged(name);
  return JSON.parse(text.toString()) as Document;
}

/** Throws `not-found`, and `corrupt` for more than that. */
export async function readSmall(place: Place, name: string, maxBytes: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const piece of place.read(name)) {
    bytes += piece.length;
    if (bytes > maxBytes) throw damaged(name);
    parts.push(piece);
  }
  return Buffer.concat(parts);
}

export const damaged = (name: string): BlobSeerError =>
  new BlobSeerError('corrupt', `${name} is damaged: it is no manifest`);
