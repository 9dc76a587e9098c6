/** A stored page of zeros, for pages that a version must have though nobody ever wrote them. */
import { randomBytes } from 'node:crypto';
import { crc32c } from '@node-rs/crc32';
import { BlobSeerError } from '../errors.ts';
import type { DataProviders } from './data-provider.ts';
import type { MetadataProviders } from './metadata-providers.ts';
import type { ProviderManager } from './provider-manager.ts';
import type { Address } from './remote-error.ts';
import type { CallOptions } from './transport.ts';
import type { RepairTools } from './unchanged-version.ts';
import { maxValueBytes } from './wire/messages.ts';
import { makePageKey, writeIdBytes } from './wire/page-key.ts';

export interface ZeroPageStores {
  readonly providerManager: Pick<ProviderManager, 'providers'>;
  readonly dataProviders: Pick<DataProviders, 'write'>;
  readonly metadata: Pick<MetadataProviders, 'put'>;
}

/** What repair works with, of a deployment's clients. */
export const repairToolsOf = (
  stores: ZeroPageStores & Pick<RepairTools, 'metadata'>,
): RepairTools => ({
  metadata: stores.metadata,
  storeZeroPage: (pageSize, replicas, options) =>
    storeZeroPage(stores, pageSize, replicas, options),
});

/** Its key, once it is stored and its list is. Whoever of the chosen providers fails is left out. */
export async function storeZeroPage(
  { providerManager, dataProviders, metadata }: ZeroPageStores,
  pageSize: number,
  replicas: number,
  options?: CallOptions,
): Promise<Buffer> {
  if (!(pageSize >= 1 && pageSize <= maxValueBytes)) {
    throw new BlobSeerError('corrupt', `a blob with pages of ${pageSize} bytes`);
  }
  const page = Buffer.alloc(pageSize);
  const key = makePageKey(randomBytes(writeIdBytes), 0, crc32c(page));
  const group = await groupOf(providerManager, replicas, options);
  const providers: Address[] = [];
  let failure: unknown;
  for (const at of group) {
    try {
      await dataProviders.write(at, [{ key, page }], options);
      providers.push(at);
    } catch (error) {
      failure = error;
    }
  }
  if (providers.length === 0) throw failure;
  await metadata.put({ pages: [{ key, providers }] }, options);
  return key;
}

/** As many as there are to be, or one: better zeros with fewer copies than a blob that stays as it is. */
async function groupOf(
  providerManager: ZeroPageStores['providerManager'],
  replicas: number,
  options?: CallOptions,
): Promise<readonly Address[]> {
  try {
    return (await providerManager.providers(1, replicas, options))[0]!;
  } catch (error) {
    if (!(error instanceof BlobSeerError && error.kind === 'no-space')) throw error;
    return (await providerManager.providers(1, 1, options))[0]!;
  }
}
