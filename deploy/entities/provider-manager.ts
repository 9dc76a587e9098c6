/**
 * The provider manager: knows the data providers by what they report, and hands them out so that
 * pages spread over them. Who is known is kept on disk, so that a restart does not keep writers waiting for
 * reports. A provider that has fallen silent is not handed out: one that reported every second is
 * missed within seconds, one of the original's, which report every half minute, after some of those. Nor is
 * one that failed a client, until it reports again.
 */
import type { Environment } from '../../blobseer-client/embedded/environment.ts';
import { BlobSeerError } from '../../blobseer-client/errors.ts';
import {
  failureCalls,
  maxGroupSize,
  type ProviderReport,
  type ProvidersRequest,
  providerManagerCalls,
  reportCalls,
  type Statistics,
} from '../../blobseer-client/remote/wire/messages.ts';
import type { Provider } from '../../blobseer-client/remote/wire/records.ts';
import { type EntityLog, type Method, methodOf } from './method.ts';
import type { EntityTable } from './state.ts';

/** A provider is silent after so many of its own intervals, within these bounds. */
const missedReports = 3;
const minSilenceMs = 4000;
const maxSilenceMs = 100_000;
/** Until its third report nobody knows how often it will come: one of the original's reports in 30 s. */
const firstSilenceMs = 75_000;
/** More programs than any deployment has: whoever can reach us can report. */
const maxProviders = 4096;
/** The C++ client asks for all pages of a write at once, times their replicas: a GiB in pages of 4 KiB. */
const maxHandedOut = 2 ** 18;
/** In the statistics, which have to fit an answer. */
const maxListed = 128;
const noSpace = (message: string): BlobSeerError => new BlobSeerError('no-space', message);

interface Member extends Provider {
  freeBytes: number;
  /** Rises with each time it is handed out. */
  score: number;
  reportedAtMs: number;
  /** Between its last two reports. */
  intervalMs: number;
  silenceMs: number;
  /** Somebody said so after its last report. */
  hasFailed: boolean;
}

export interface ProviderManagerOptions {
  readonly state: Environment;
  readonly archiveVersion: number;
  readonly log: EntityLog;
  /** A clock that only rises. */
  readonly nowMs: () => number;
}

export class ProviderManager {
  readonly methods: readonly Method[];
  readonly #state: Environment;
  readonly #known: EntityTable;
  readonly #log: EntityLog;
  readonly #nowMs: () => number;
  /** In the order in which they are to be handed out. */
  readonly #members: Member[] = [];

  constructor({ state, archiveVersion, log, nowMs }: ProviderManagerOptions) {
    this.#state = state;
    this.#known = state.table('providers');
    this.#log = log;
    this.#nowMs = nowMs;
    for (const { key, value } of this.#known.range({ limit: maxProviders })) {
      const [host = '', service = ''] = key.toString().split(' ');
      const [freeBytes, silenceMs] = [value.readDoubleBE(0), value.readDoubleBE(8)];
      const times = { reportedAtMs: nowMs(), intervalMs: silenceMs / missedReports, silenceMs };
      this.#insert({ host, service, freeBytes, score: 0, ...times, hasFailed: false });
    }
    const { update, get } = providerManagerCalls;
    this.methods = [
      methodOf(update, archiveVersion, (report, peer) => {
        update.check(report);
        return this.#update(report, peer.host);
      }),
      methodOf(reportCalls.reportAs, archiveVersion, ({ report, host }) => {
        update.check(report);
        return this.#update(report, host);
      }),
      methodOf(get, archiveVersion, (request) => this.#get(request)),
      methodOf(failureCalls.reportFailed, archiveVersion, (provider) => this.#fail(provider)),
    ];
  }

  async #update({ freeBytes, service }: ProviderReport, host: string): Promise<void> {
    const nowMs = this.#nowMs();
    await this.#dropSilent(nowMs);
    const known = this.#find({ host, service });
    if (known === undefined) {
      if (this.#members.length >= maxProviders) throw noSpace('too many providers');
      const score = this.#lowestScore();
      const silenceMs = firstSilenceMs;
      const times = { reportedAtMs: nowMs, intervalMs: silenceMs / missedReports, silenceMs };
      const member = { host, service, freeBytes, score, ...times, hasFailed: false };
      this.#insert(member);
      this.#log.info({ host, service, freeBytes }, 'a data provider joined');
      await this.#keep(member);
      return;
    }
    const intervalMs = nowMs - known.reportedAtMs;
    // One that was started again reports early, once: it takes two short intervals to be a frequent one.
    const longestMs = missedReports * Math.max(intervalMs, known.intervalMs);
    const silenceMs = Math.min(maxSilenceMs, Math.max(minSilenceMs, longestMs));
    // Reports that come in pairs must not make it look faster than it is for long: kept when it differs a lot.
    const hasChanged = silenceMs > 2 * known.silenceMs || 2 * silenceMs < known.silenceMs;
    known.reportedAtMs = nowMs;
    known.intervalMs = intervalMs;
    known.silenceMs = silenceMs;
    known.freeBytes = freeBytes;
    const isBack = known.hasFailed;
    if (isBack) {
      known.score = Math.max(known.score, this.#lowestScore());
      known.hasFailed = false;
      this.#log.info({ host, service }, 'a data provider that failed reports again');
    }
    this.#replace(known);
    if (hasChanged || isBack) await this.#keep(known);
  }

  /** Until its next report; also after a restart, which forgets it. */
  async #fail(provider: Provider): Promise<void> {
    const member = this.#find(provider);
    if (member === undefined || member.hasFailed) return;
    member.hasFailed = true;
    this.#log.warn({ host: member.host, service: member.service }, 'a data provider failed');
    await this.#state.commit((transaction) => transaction.remove(this.#known, keyOf(member)));
  }

  async #get({ count, groupSize }: ProvidersRequest): Promise<readonly Provider[]> {
    if (count === 0 || groupSize === 0) {
      throw new BlobSeerError(
        'invalid-argument',
        `no ${count} providers in groups of ${groupSize}`,
      );
    }
    // The original tries, handing out as far as it gets; the answer is the same.
    if (count > maxHandedOut || groupSize > maxGroupSize) {
      throw noSpace(`no ${count} providers in groups of ${groupSize}`);
    }
    await this.#dropSilent(this.#nowMs());
    const chosen: Member[] = [];
    while (chosen.length < count) {
      const group = chosen.length - (chosen.length % groupSize);
      const others = chosen.slice(group);
      const next = this.#members.find((one) => isUsable(one) && !others.includes(one));
      if (next === undefined) throw noSpace(`not ${count} providers in groups of ${groupSize}`);
      next.score++;
      this.#replace(next);
      chosen.push(next);
    }
    // A last group that is not whole is one that cannot be met; the scores have risen all the same.
    if (count % groupSize !== 0) throw noSpace(`${count} are no groups of ${groupSize}`);
    return chosen.map(({ host, service }) => ({ host, service }));
  }

  /** By host and port; of the first of them, in the order in which they are handed out. */
  statistics(): Statistics {
    const nowMs = this.#nowMs();
    const usable = this.#members.filter(isUsable);
    const statistics: Record<string, number | boolean> = {
      providers: this.#members.length,
      usableProviders: usable.length,
      freeBytes: usable.reduce((sum, { freeBytes }) => sum + freeBytes, 0),
    };
    for (const member of this.#members.slice(0, maxListed)) {
      const name = `${member.host} ${member.service}`;
      statistics[`${name} freeBytes`] = member.freeBytes;
      statistics[`${name} score`] = member.score;
      statistics[`${name} silentMs`] = Math.round(nowMs - member.reportedAtMs);
      statistics[`${name} hasFailed`] = member.hasFailed;
    }
    return statistics;
  }

  #find({ host, service }: Provider): Member | undefined {
    return this.#members.find((one) => one.host === host && one.service === service);
  }

  /** Where one that comes, or comes back, begins: the pages of the time before are not to be made up for. */
  #lowestScore(): number {
    const scores = this.#members.filter(isUsable).map(({ score }) => score);
    return scores.length === 0 ? 0 : Math.min(...scores);
  }

  /** Puts a member whose rank may have changed where it belongs: as it is, where it is not out of order. */
  #replace(member: Member): void {
    const at = this.#members.indexOf(member);
    const before = this.#members[at - 1];
    const after = this.#members[at + 1];
    const isRight =
      (before === undefined || !isBefore(member, before)) &&
      (after === undefined || !isBefore(after, member));
    if (isRight) return;
    this.#members.splice(at, 1);
    this.#insert(member);
  }

  /** Behind those of the same rank. */
  #insert(member: Member): void {
    let [at, end] = [0, this.#members.length];
    while (at < end) {
      const middle = (at + end) >>> 1;
      if (isBefore(member, this.#members[middle]!)) end = middle;
      else at = middle + 1;
    }
    this.#members.splice(at, 0, member);
  }

  async #dropSilent(nowMs: number): Promise<void> {
    const silent = this.#members.filter((one) => nowMs - one.reportedAtMs > one.silenceMs);
    if (silent.length === 0) return;
    for (const member of silent) {
      this.#members.splice(this.#members.indexOf(member), 1);
      const { host, service, silenceMs } = member;
      this.#log.warn({ host, service, silenceMs }, 'a data provider is silent');
    }
    await this.#state.commit((transaction) => {
      for (const member of silent) transaction.remove(this.#known, keyOf(member));
    });
  }

  async #keep(member: Member): Promise<void> {
    const value = Buffer.allocUnsafe(16);
    value.writeDoubleBE(member.freeBytes, 0);
    value.writeDoubleBE(member.silenceMs, 8);
    await this.#state.commit((transaction) => transaction.put(this.#known, keyOf(member), value));
  }
}

const isUsable = ({ freeBytes, hasFailed }: Member): boolean => freeBytes > 0 && !hasFailed;

const keyOf = ({ host, service }: Provider): Buffer => Buffer.from(`${host} ${service}`);

/** Full ones last; then the lowest score, then the most free space. */
function isBefore(left: Member, right: Member): boolean {
  if (left.freeBytes === 0 || right.freeBytes === 0) {
    if (left.freeBytes !== right.freeBytes) return right.freeBytes === 0;
    return left.score < right.score;
  }
  if (left.score !== right.score) return left.score < right.score;
  return left.freeBytes > right.freeBytes;
}
