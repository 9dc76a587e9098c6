/**
 * The three xxHashes among S3's checksums: XXH64, XXH3 with 64 and with 128 bits, seed 0, in their canonical
 * form (big-endian), as the SDKs send them. https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md
 *
 * The WebAssembly behind them is compiled once, when this file is loaded, for the whole process: a module
 * per upload would take longer than small uploads do. Uploads run side by side, so each keeps its state,
 * and the state changes places in the module's memory when another one has been at work in between.
 */
import { createXXHash3, createXXHash64, createXXHash128, type IHasher } from 'hash-wasm';

export type XxHashName = 'XXHASH64' | 'XXHASH3' | 'XXHASH128';

/** A hasher, and whose state it holds right now. */
class Kernel {
  readonly hasher: IHasher;
  holder: XxHash | undefined;

  constructor(hasher: IHasher) {
    this.hasher = hasher;
  }
}

const [xxHash64, xxHash3, xxHash128] = await Promise.all([
  createXXHash64(),
  createXXHash3(),
  createXXHash128(),
]);
const kernels: Readonly<Record<XxHashName, Kernel>> = {
  XXHASH64: new Kernel(xxHash64),
  XXHASH3: new Kernel(xxHash3),
  XXHASH128: new Kernel(xxHash128),
};

/** A running hash. `digest` ends it and is called once. */
export class XxHash {
  private readonly kernel: Kernel;
  /** Undefined before the first byte, and while the kernel holds it. */
  private state: Uint8Array | undefined;

  constructor(name: XxHashName) {
    this.kernel = kernels[name];
  }

  update(bytes: Uint8Array): void {
    this.held().update(bytes);
  }

  digest(): Buffer {
    const digest = this.held().digest('binary');
    this.kernel.holder = undefined;
    return Buffer.from(digest);
  }

  /** The hasher, with this hash's state in it. */
  private held(): IHasher {
    const { kernel, state } = this;
    const { hasher, holder } = kernel;
    if (holder === this) return hasher;
    if (holder !== undefined) holder.state = hasher.save();
    if (state === undefined) hasher.init();
    else hasher.load(state);
    this.state = undefined;
    kernel.holder = this;
    return hasher;
  }
}
