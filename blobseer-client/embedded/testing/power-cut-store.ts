/** The one place where the power-cut test says how a data directory is opened. */
import path from 'node:path';
import type { Store } from '../../store.ts';
import { Environment } from '../environment.ts';

export interface OpenedStore {
  readonly store: Store;
  close(): Promise<void>;
}

export async function openStore(
  directory: string,
  requestsInProgress?: () => number,
): Promise<OpenedStore> {
  const environment = new Environment({
    file: path.join(directory, 'blobseer.mdb'),
    requestsInProgress,
  });
  return { store: environment, close: () => environment.close() };
}
