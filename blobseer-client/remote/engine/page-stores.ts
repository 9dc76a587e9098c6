/**
 * Pages to data providers and back, whatever some of them do: a provider that fails or is slow is left for
 * another one, and a page counts as stored when as many as it shall have replicas have taken it.
 */
import { BlobSeerError } from '../../errors.ts';
import type { DataProviders, PageWrite } from '../data-provider.ts';
import { type Address, addressText } from '../remote-error.ts';
import type { RemoteTimings } from './limits.ts';
import type { ProviderPool } from './provider-pool.ts';

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
   * Stores pages on as many providers as there shall be replicas, and resolves to these. `cover` is awaited
   * before a provider gets anything, and hears of all: those that were given up may have the pages or not.
   * Throws `unavailable` or `no-space` when no more providers are left to ask, and the signal's reason.
   */
  async store(
    pages: readonly PageWrite[],
    cover: (addresses: readonly Address[]) => Promise<void>,
    signal: AbortSignal,
  ): Promise<readonly Address[]> {
    signal.throwIfAborted();
    const asked: Address[] = [...(await this.#pool.group())];
    const stored: Address[] = [];
    const stopped = new AbortController();
    let failure: unknown;
    let open = 0;
    const wanted = asked.length;
    await cover(asked);
    return new Promise((resolve, reject) => {
      const end = (settle: () => void): void => {
        if (stopped.signal.aborted) return;
        stopped.abort(notNeeded);
        signal.removeEventListener('abort', onAbort);
        settle();
      };
      const onAbort = (): void => end(() => reject(signal.reason));
      const endIfDone = (): void => {
        if (stored.length === wanted) end(() => resolve(stored));
        else if (open === 0) end(() => reject(failure));
      };
      /** Instead of one that failed, or beside one that is slow. */
      const turnToAnother = async (): Promise<void> => {
        const another = await this.#join(asked);
        if (another === undefined || stopped.signal.aborted) return;
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
          const { pageCallDeadlineMs: deadlineMs } = this.#timings;
          const options = { deadlineMs, signal: stopped.signal };
          await this.#providers.write(address, pages, options);
          if (stopped.signal.aborted) return;
          stored.push(address);
          endIfDone();
        } catch (error) {
          if (stopped.signal.aborted) return;
          failure = error;
          this.#pool.failed(address);
          if (company === undefined) await turnToAnother();
        } finally {
          clearTimeout(timer);
        }
        if (!stopped.signal.aborted) await company;
      };
      if (signal.aborted) onAbort();
      else signal.addEventListener('abort', onAbort, { once: true });
      for (const address of [...asked]) {
        open++;
        attempt(address)
          .catch((error: unknown) => {
            failure = error;
          })
          .finally(() => {
            open--;
            endIfDone();
          });
      }
    });
  }

  /** Chosen and put among those asked in one step: several may be sought at once. */
  async #join(asked: Address[]): Promise<Address | undefined> {
    for (let widened = 0; ; ) {
      const another = this.#pool.another(asked);
      if (another !== undefined) asked.push(another);
      if (another !== undefined || asked.length === widened) return another;
      widened = asked.length;
      await this.#pool.widen(widened + 1);
    }
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
