/**
 * Memory that begins at a page of the machine, as direct writes want it. Node has no say in where its buffers lie, but
 * the memory of a WebAssembly instance begins at a page; some buffers are cut from each.
 */

export const alignedBufferBytes = 256 * 1024;
/** Direct writes begin and end at multiples of it, in memory and in the file: as large as blocks of disks get. */
export const alignmentBytes = 4096;

const buffersPerMemory = 16;
const wasmPageBytes = 64 * 1024;
/** Kept while nobody writes: 32 MiB. */
const maxFree = 128;

/** What is used of it; the project's library setting is without the DOM, which declares it. */
declare const WebAssembly: {
  readonly Memory: new (limits: {
    readonly initial: number;
    readonly maximum: number;
  }) => { readonly buffer: ArrayBuffer };
};

const free: Buffer[] = [];

/** `alignedBufferBytes` long, with whatever is in it. */
export function takeAligned(): Buffer {
  const taken = free.pop();
  if (taken !== undefined) return taken;
  const initial = (buffersPerMemory * alignedBufferBytes) / wasmPageBytes;
  const { buffer } = new WebAssembly.Memory({ initial, maximum: initial });
  for (let number = 1; number < buffersPerMemory; number++) {
    free.push(Buffer.from(buffer, number * alignedBufferBytes, alignedBufferBytes));
  }
  return Buffer.from(buffer, 0, alignedBufferBytes);
}

/** Nobody looks at it any more. */
export function giveBackAligned(buffer: Buffer): void {
  if (free.length < maxFree) free.push(buffer);
}
