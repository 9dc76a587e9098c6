/** How commands beside the server open a data directory: as a tool, which a running server allows. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { databaseFile, type OpenedBlobSeer } from '../../blobseer-client/index.ts';
import { type Config, ConfigError } from '../config.ts';
import { openStorage } from '../gateway.ts';
import { createLog, flushLog } from '../log.ts';
import type { Services } from '../services.ts';

/** Runs `work` on the directory and closes it. Throws ConfigError where there is no such directory. */
export async function withStorage<T>(
  config: Config,
  work: (storage: { blobseer: OpenedBlobSeer; services: Services }) => Promise<T>,
): Promise<T> {
  // Opening would make it: a mistyped path must not become an empty store.
  if (!existsSync(path.join(config.dataDirectory, databaseFile))) {
    throw new ConfigError(
      `data: there is no store in ${config.dataDirectory}; "blobseer-s3 serve --data DIR" makes one`,
    );
  }
  const log = createLog(config.logLevel);
  const storage = await openStorage(config, 'tool', log, () => undefined);
  try {
    storage.services.namespace.refresh();
    return await work(storage);
  } finally {
    await storage.blobseer.close();
    await flushLog(log);
  }
}
