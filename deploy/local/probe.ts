/** Asks members how they fare: entities by BlobSeer's protocol, gateways by their health path. */
import { get as getHttp } from 'node:http';
import { get as getHttps } from 'node:https';
import type { Transport } from '../../blobseer-client/remote/transport.ts';
import { entityCalls, type Statistics } from '../../blobseer-client/remote/wire/messages.ts';
import type { RecordedMember } from './record.ts';

const readyPath = '/_/health/ready';
const okStatus = 200;

export interface ProbeTools {
  readonly transport: Transport;
  /** Of the deployment's authority, as PEM; undefined where gateways serve plain http. */
  readonly authority: string | undefined;
  readonly deadlineMs: number;
}

/** Numbers of a member that is ready; undefined where it does not answer, or not yet. */
export async function probe(
  member: RecordedMember,
  tools: ProbeTools,
): Promise<Statistics | undefined> {
  if (member.role === 'gateway') return (await isReady(member, tools)) ? {} : undefined;
  const { transport, deadlineMs } = tools;
  try {
    return await transport.call(member, entityCalls.statistics, undefined, { deadlineMs });
  } catch {
    return undefined;
  }
}

function isReady({ host, port }: RecordedMember, tools: ProbeTools): Promise<boolean> {
  const { authority, deadlineMs } = tools;
  const options = { host, port, path: readyPath, agent: false as const, timeout: deadlineMs };
  return new Promise((resolve) => {
    const request =
      authority === undefined ? getHttp(options) : getHttps({ ...options, ca: authority });
    const end = (isAnswered: boolean): void => {
      clearTimeout(timer);
      request.destroy();
      resolve(isAnswered);
    };
    const timer = setTimeout(() => end(false), deadlineMs);
    request.once('response', ({ statusCode }) => end(statusCode === okStatus));
    request.on('error', () => end(false));
  });
}
