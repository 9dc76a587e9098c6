/**
 * Pages to data providers and back, whatever some of them do: a provider that fails or is slow is left for
 * another one, and a page counts as stored when as many as it shall have replicas have taken it.
 */
import { BlobSeerError } from '../../errors.ts';
import type { DataProviders, PageWrite } from '../data-provider.ts';
import { type Address, addressText } from '../remote-error.ts';
import type { RemoteTimings } from './limits.ts';
import type { ProviderPool } from './provider-pool.ts';

export interface StoredPages {
  /** As many as there shall be replicas. */
  readonly providers: readonly Address[];
  /** Were asked too, and may have the pages or not. */
  readonly strays: readonly Address[];
}

/** Made once: an error of its own for every call that goes well is most of what it costs. */
const notNeeded = new Error('others were faster');

export class PageStores {
  readonly #pool: ProviderPool;
  readonly #providers: Pick<DataProviders, 'read' | 'write'>;
  readonly #timings: RemoteTimings;

  constructor(
    pool: ProviderPool,
    providers: Pick<DataProviders, 'read' | 'write'>,
    timings: RemoteTimings,
  ) {
    this.#pool = pool;
    this.#providers = providers;
    this.#timings = timings;
  }

  /**
   * Stores pages on a group of providers. `cover` is awaited before a provider gets anything. Throws
   * `unavailable` or `no-space` when no more providers are left to ask.
   */
  async store(
    pages: readonly PageWrite[],
    cover: (addresses: readonly Address[]) => Promise<void>,
  ): Promise<StoredPages> {
    const asked: Address[] = [...(await this.#pool.group())];
    const stored: Address[] = [];
    const stopped = new AbortController();
    let failure: unknown;
    let open = 0;
    const wanted = asked.length;
    await cover(asked);
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        if (stopped.signal.aborted) return;
        const isStored = stored.length === wanted;
        if (!isStored && open > 0) return;
        stopped.abort(notNeeded);
        const strays = asked.filter((address) => !stored.includes(address));
        if (isStored) resolve({ providers: stored, strays });
        else reject(failure);
      };
      /** Instead of one that failed, or beside one that is slow. */
      const turnToAnother = async (): Promise<void> => {
        const another = this.#pool.another(asked);
        if (another === undefined || stopped.signal.aborted) return;
        asked.push(another);
        await cover([another]);
        if (!stopped.signal.aborted) await attempt(another);
      };
      const attempt = async (address: Address): Promise<void> => {
        let company: Promise<void> | undefined;
        const timer = setTimeout(() => {
          this.#pool.slow(address);
          company = turnToAnother().catch((error: unknown) => {
            failure ??= error;
          });
        }, this.#timings.slowMs);
        try {
          const options = { deadlineMs: this.#timings.pageCallDeadlineMs, signal: stopped.signal };
          await this.#providers.write(address, pages, options);
          if (stopped.signal.aborted) return;
          stored.push(address);
          settle();
        } catch (error) {
          failure = error;
          if (stopped.signal.aborted) return;
          this.#pool.failed(address);
          if (company === undefined) await turnToAnother();
        } finally {
          clearTimeout(timer);
        }
        if (!stopped.signal.aborted) await company;
      };
      for (const address of [...asked]) {
        open++;
        attempt(address)
          .catch((error: unknown) => {
            failure = error;
          })
          .finally(() => {
            open--;
            settle();
          });
      }
    });
  }

  /**
   * Pages from one of the providers that have them, checked. Throws `unavailable` when one that may
   * have them cannot be asked, and `corrupt` when all were asked in vain.
   */
  async read(
    providers: readonly Address[],
    keys: readonly Buffer[],
    maxPageBytes: number,
  ): Promise<Buffer[]> {
    const order = [...providers].sort(
      (left, right) => Number(this.#pool.isSuspect(left)) - Number(this.#pool.isSuspect(right)),
    );
    const stopped = new AbortController();
    const failures: unknown[] = [];
    try {
      return await new Promise<Buffer[]>((resolve, reject) => {
        let next = 0;
        let open = 0;
        const askNext = (): void => {
          const address = order[next++];
          if (address === undefined) {
            if (open === 0) reject(worst(failures));
            return;
          }
          open++;
          const timer = setTimeout(() => {
            this.#pool.slow(address);
            askNext();
          }, this.#timings.slowMs);
          this.#readFrom(address, keys, maxPageBytes, stopped.signal)
            .then(resolve, (error: unknown) => {
              open--;
              failures.push(error);
              if (isUnavailable(error) && !stopped.signal.aborted) this.#pool.failed(address);
              askNext();
            })
            .finally(() => clearTimeout(timer));
        };
        askNext();
      });
    } finally {
      stopped.abort(notNeeded);
    }
  }

  async #readFrom(
    address: Address,
    keys: readonly Buffer[],
    maxPageBytes: number,
    signal: AbortSignal,
  ): Promise<Buffer[]> {
    const options = { deadlineMs: this.#timings.pageCallDeadlineMs, signal };
    const pages = await this.#providers.read(address, keys, maxPageBytes, options);
    return pages.map((page, index) => {
      if (page !== undefined) return page;
      const name = `page ${keys[index]!.toString('hex')}`;
      throw new BlobSeerError('corrupt', `${name} is missing on ${addressText(address)}`);
    });
  }
}

const isUnavailable = (error: unknown): boolean =>
  error instanceof BlobSeerError && error.kind === 'unavailable';

/** One that could not be asked may have what the others lack. */
function worst(failures: readonly unknown[]): unknown {
  return (
    failures.find(isUnavailable) ??
    failures[0] ??
    new BlobSeerError('corrupt', 'a page is on no data provider')
  );
}
