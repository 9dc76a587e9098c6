/**
 * The free-space watermark: new data is refused while there is still room enough for deletes, since
 * a delete needs pages of LMDB too and a full disk reaches LMDB as an I/O error, which is final.
 */
import { BlobSeerError } from '../errors.ts';
import type { Disk } from './disk.ts';
import { translateIoError } from './io-errors.ts';

const lookAgainAfterMs = 500;
/** While writes pass this many bytes a look is due, whatever the time. */
const lookAgainAfterBytes = 16 * 2 ** 20;
const maxReserveBytes = 256 * 2 ** 20;
const reserveShare = 0.05;

export class SpaceGuard {
  private readonly disk: Disk;
  private readonly directory: string;
  private readonly nowMs: () => number;
  private lookedMs = Number.NEGATIVE_INFINITY;
  private spentBytes = 0;
  private roomBytes = 0;
  private looking: Promise<void> | undefined;

  constructor(disk: Disk, directory: string, nowMs: () => number) {
    this.disk = disk;
    this.directory = directory;
    this.nowMs = nowMs;
  }

  /**
   * Throws `no-space`, or rejects with it, when `bytes` more would eat into the reserve. Undefined where there is
   * nothing to wait for, as mostly.
   */
  require(bytes: number): Promise<void> | undefined {
    this.spentBytes += bytes;
    const isStale = this.nowMs() - this.lookedMs > lookAgainAfterMs;
    if (isStale || this.spentBytes > lookAgainAfterBytes || this.roomBytes < bytes) {
      return this.lookAndTake(bytes);
    }
    this.roomBytes -= bytes;
    return undefined;
  }

  private async lookAndTake(bytes: number): Promise<void> {
    this.looking ??= this.look().finally(() => {
      this.looking = undefined;
    });
    await this.looking;
    if (this.roomBytes < bytes) {
      throw new BlobSeerError(
        'no-space',
        `no room for ${bytes} more bytes in ${this.directory}: delete something first`,
      );
    }
    this.roomBytes -= bytes;
  }

  private async look(): Promise<void> {
    try {
      const { freeBytes, totalBytes } = await this.disk.space(this.directory);
      this.roomBytes = freeBytes - Math.min(maxReserveBytes, totalBytes * reserveShare);
    } catch (error) {
      throw translateIoError(error, `cannot look at the free space of ${this.directory}`);
    }
    this.lookedMs = this.nowMs();
    this.spentBytes = 0;
  }
}
