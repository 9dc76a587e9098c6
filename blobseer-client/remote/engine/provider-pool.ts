/**
 * Which data providers the next pages go to. Groups are asked for by the hundred and used up within seconds;
 * a provider that failed is avoided for a while. Without the provider manager, those that were given out
 * last serve on in turns.
 */
import { BlobSeerError } from '../../errors.ts';
import type { ProviderManager } from '../provider-manager.ts';
import { type Address, addressText } from '../remote-error.ts';
import { fewGroups, groupsAtOnce, type RemoteTimings } from './limits.ts';

export interface ProviderPoolOptions {
  readonly manager: Pick<ProviderManager, 'providers'>;
  /** Tells the manager that a provider failed, where it is one that listens. */
  readonly report: (failed: Address) => Promise<void>;
  /** Providers in a group: replicas of each page. */
  readonly replication: number;
  readonly timings: RemoteTimings;
  /** A clock that only rises. */
  readonly nowMs: () => number;
}

export class ProviderPool {
  readonly #manager: ProviderPoolOptions['manager'];
  readonly #report: ProviderPoolOptions['report'];
  readonly #replication: number;
  readonly #timings: RemoteTimings;
  readonly #nowMs: () => number;
  #groups: Address[][] = [];
  #fetchedAtMs = Number.NEGATIVE_INFINITY;
  #fetching: Promise<void> | undefined;
  /** All that the manager named when it was last asked, by address. */
  #known = new Map<string, Address>();
  readonly #suspects = new Map<string, number>();
  #turn = 0;

  constructor({ manager, report, replication, timings, nowMs }: ProviderPoolOptions) {
    this.#timings = timings;
    this.#manager = manager;
    this.#report = report;
    this.#replication = replication;
    this.#nowMs = nowMs;
  }

  /** Different providers, as many as a page has replicas. Throws `no-space` or `unavailable`. */
  async group(): Promise<readonly Address[]> {
    const isStale = this.#nowMs() - this.#fetchedAtMs > this.#timings.groupsGoodMs;
    if (this.#groups.length === 0) await this.#fetch();
    else if (isStale || this.#groups.length < fewGroups) void this.#fetch().catch(() => undefined);
    const group = this.#groups.pop() ?? this.#makeDo();
    return this.#withoutSuspects(group);
  }

  /** One more provider, that is none of these; undefined where all known ones are. */
  another(than: readonly Address[]): Address | undefined {
    const taken = new Set(than.map(addressText));
    const others = [...this.#known.values()].filter((one) => !taken.has(addressText(one)));
    const healthy = others.filter((one) => !this.isSuspect(one));
    const choice = healthy.length > 0 ? healthy : others;
    return choice[this.#turn++ % choice.length];
  }

  /**
   * Gets to know so many different ones, if there are. The original hands one out again and again that has
   * just joined: those it named last may be all the same.
   */
  async widen(count: number): Promise<void> {
    const options = { deadlineMs: this.#timings.providersDeadlineMs };
    const groups = await this.#manager.providers(1, count, options).catch(() => []);
    for (const address of groups.flat()) this.#known.set(addressText(address), address);
  }

  isSuspect(address: Address): boolean {
    const name = addressText(address);
    const untilMs = this.#suspects.get(name);
    if (untilMs === undefined) return false;
    if (untilMs > this.#nowMs()) return true;
    this.#suspects.delete(name);
    return false;
  }

  /** It did not do what it was asked. */
  failed(address: Address): void {
    const isNews = !this.isSuspect(address);
    this.#suspects.set(addressText(address), this.#nowMs() + this.#timings.suspectMs);
    if (isNews) void this.#report(address).catch(() => undefined); // it hears of it by silence too
  }

  /** It is slow: others first, for a while. */
  slow(address: Address): void {
    this.#suspects.set(addressText(address), this.#nowMs() + this.#timings.suspectMs);
  }

  #fetch(): Promise<void> {
    this.#fetching ??= this.#ask().finally(() => {
      this.#fetching = undefined;
    });
    return this.#fetching;
  }

  async #ask(): Promise<void> {
    try {
      const options = { deadlineMs: this.#timings.providersDeadlineMs };
      const groups: Address[][] = await this.#manager.providers(
        groupsAtOnce,
        this.#replication,
        options,
      );
      this.#groups = groups.reverse(); // taken from the end
      this.#known = new Map(groups.flat().map((address) => [addressText(address), address]));
    } catch (error) {
      const isAway = error instanceof BlobSeerError && error.kind === 'unavailable';
      if (!isAway || this.#known.size < this.#replication) throw error;
    }
    // After a failure too: the next is tried when these are stale.
    this.#fetchedAtMs = this.#nowMs();
  }

  /** The manager is away: the known ones in turns. */
  #makeDo(): Address[] {
    const group: Address[] = [];
    while (group.length < this.#replication) {
      const next = this.another(group);
      if (next === undefined) throw new BlobSeerError('unavailable', 'no data providers are known');
      group.push(next);
    }
    return group;
  }

  #withoutSuspects(group: readonly Address[]): readonly Address[] {
    if (!group.some((one) => this.isSuspect(one))) return group;
    const chosen = group.filter((one) => !this.isSuspect(one));
    while (chosen.length < group.length) {
      const others = [...chosen, ...group.filter((one) => !chosen.includes(one))];
      const healthy = this.another(others);
      if (healthy === undefined || this.isSuspect(healthy)) return group;
      chosen.push(healthy);
    }
    return chosen;
  }
}
