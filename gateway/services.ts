/** What handlers stand on: built once at start in main.ts, passed down, never reached for. */
import type { BlobSeer } from '../blobseer-client/index.ts';
import type { Clock } from './clock.ts';
import type { Config } from './config.ts';
import type { Namespace } from './namespace/namespace.ts';
import type { RequestsInProgress } from './requests-in-progress.ts';

export interface Services {
  readonly blobseer: BlobSeer;
  readonly namespace: Namespace;
  readonly config: Config;
  readonly clock: Clock;
  readonly requests: RequestsInProgress;
}
