/**
 * Memory that begins at a page of the machine, as direct writes want it. Node has no say in where its buffers lie, but
 * the memory of a WebAssembly instance begins at a page; some buffers are cut from each.
 */

export const alignedBufferBytes = 256 * 1024;
/** Direct writes begin and end at multiples of it, in memory and in the file: as large as blocks of disks get. */
export const alignmentBytes = 4096;

const buffersPerMemory = 16;
const wasmPageBytes = 64 * 1024;
/** 8 MiB, never given back to the system: only a collection of the whole heap would do that, much later. */
const maxMemories = 2;

/** What is used of it; the project's library setting is without the DOM, which declares it. */
declare const WebAssembly: {
  readonly Memory: new (limits: {
    readonly initial: number;
    readonly maximum: number;
  }) => { readonly buffer: ArrayBuffer };
};

const free: Buffer[] = [];
let memories = 0;

/** `alignedBufferBytes` long, with whatever is in it; undefined while all are taken. */
export function takeAligned(): Buffer | undefined {
  if (free.length === 0 && memories < maxMemories) addMemory();
  return free.pop();
}

/** Nobody looks at it any more. */
export function giveBackAligned(buffer: Buffer): void {
  free.push(buffer);
}

function addMemory(): void {
  memories++;
  const pages = (buffersPerMemory * alignedBufferBytes) / wasmPageBytes;
  const { buffer } = new WebAssembly.Memory({ initial: pages, maximum: pages });
  for (let number = 0; number < buffersPerMemory; number++) {
    free.push(Buffer.from(buffer, number * alignedBufferBytes, alignedBufferBytes));
  }
}
