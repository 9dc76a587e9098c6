/** What a deployment on other machines has here: its authority, its keys, a directory per member. */
import path from 'node:path';
import { findCredentials } from '../../deploy/local/credentials.ts';
import { layoutOf } from '../../deploy/local/layout.ts';
import { prepare } from '../../deploy/local/prepare.ts';
import type { Member } from '../../deploy/plan.ts';
import { makePrivateDirectory } from '../../deploy/private-file.ts';
import { newAccessKey } from '../auth/users.ts';
import { systemClock } from '../clock.ts';
import { lockDirectory } from '../directory-lock.ts';
import type { DeployCall } from './deploy-action.ts';

const lockWaitSeconds = 60;

/** Beside the file of the deployment. */
export function deploymentDirectory({ description, file }: DeployCall): string {
  return path.join(path.dirname(file), `${description.name}-deployment`);
}

/** Members' directories are below `directory`. Leaves alone what is right already. */
export async function prepareMembers(
  { description, terminal, file }: DeployCall,
  directory: string,
  members: readonly Member[],
): Promise<void> {
  makePrivateDirectory(directory);
  const lock = await lockDirectory({
    directory,
    waitSeconds: lockWaitSeconds,
    onWait: () => terminal.complain(`Another process uses ${directory}; waiting for it to end.`),
  });
  try {
    const credentials = findCredentials(description, layoutOf(directory), {
      fileDirectory: path.dirname(file),
      environment: terminal.environment,
      generate: () => {
        const { accessKey, secret } = newAccessKey(systemClock);
        return { accessKey, secretKey: secret };
      },
    });
    prepare({ description, members, directory, credentials, nowMs: () => systemClock.nowMs() });
  } finally {
    lock.release();
  }
}
