/** The provider manager as its clients see it: it knows the data providers and spreads pages over them. */
import { BlobSeerError } from '../errors.ts';
import { type Address, RemoteError } from './remote-error.ts';
import type { CallOptions, Transport } from './transport.ts';
import {
  failureCalls,
  maxProvidersAtOnce,
  type ProviderReport,
  providerManagerCalls,
  reportCalls,
} from './wire/messages.ts';
import type { Provider } from './wire/records.ts';

/** Throws `corrupt` for what is no port. */
export function addressOf({ host, service }: Provider): Address {
  const port = /^[1-9]\d{0,4}$/.test(service) ? Number(service) : 0;
  if (host === '' || port === 0 || port > 65_535) {
    throw new BlobSeerError('corrupt', `no address of a provider: ${host}:${service}`);
  }
  return { host, port };
}

export const providerAt = ({ host, port }: Address): Provider => ({ host, service: `${port}` });

export class ProviderManager {
  readonly #transport: Transport;
  readonly #address: Address;

  constructor(transport: Transport, address: Address) {
    this.#transport = transport;
    this.#address = address;
  }

  /** How many groups of that size can be asked for at once. */
  static maxGroups(groupSize: number): number {
    return Math.floor(maxProvidersAtOnce / groupSize);
  }

  /**
   * A group of providers for each of `groups` pages; those within a group differ. It may name providers
   * that died within the last minutes. Throws `no-space` when there are not so many.
   */
  async providers(groups: number, groupSize: number, options?: CallOptions): Promise<Address[][]> {
    const request = { count: groups * groupSize, groupSize };
    const { get } = providerManagerCalls;
    const listed = await this.#transport.call(this.#address, get, request, options);
    try {
      const addresses = listed.map(addressOf);
      return Array.from({ length: groups }, (_, group) =>
        addresses.slice(group * groupSize, (group + 1) * groupSize),
      );
    } catch (cause) {
      const message = `the provider manager answered ${(cause as Error).message}`;
      throw new RemoteError('corrupt', message, { mayHaveRun: true, cause });
    }
  }

  /** What a data provider says of itself, every half minute; its host is where the call comes from. */
  async report(report: ProviderReport, options?: CallOptions): Promise<void> {
    await this.#transport.call(this.#address, providerManagerCalls.update, report, options);
  }

  /** As `report`, for clients that are to find it by a name. Only a provider manager of ours knows this. */
  async reportAs(host: string, report: ProviderReport, options?: CallOptions): Promise<void> {
    await this.#transport.call(this.#address, reportCalls.reportAs, { report, host }, options);
  }

  /**
   * Tells that a provider failed: it is not handed out again before it reports anew. Rejects with
   * `unavailable` also where the provider manager is the original's, which knows no such call.
   */
  async reportFailed(provider: Address, options?: CallOptions): Promise<void> {
    const { reportFailed } = failureCalls;
    await this.#transport.call(this.#address, reportFailed, providerAt(provider), options);
  }
}
