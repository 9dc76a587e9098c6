/** What `blobseer-s3 deploy` prints. */

import { addressText } from '../../blobseer-client/index.ts';
import type { Layout } from '../../deploy/local/layout.ts';
import type { DeploymentStatus, MemberStatus } from '../../deploy/local/status.ts';
import { columns } from './command.ts';

const kibi = 1024;
const byteUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
const minuteSeconds = 60;
const hourSeconds = 60 * minuteSeconds;
const daySeconds = 24 * hourSeconds;

export function statusText({ name, directory, members, ...rest }: DeploymentStatus): string {
  const { supervisorPid, endpoints, lastCheckpoint } = rest;
  const facts = columns([
    ['deployment', name],
    ['directory', directory],
    ['supervisor', supervisorPid === undefined ? 'not running' : `pid ${supervisorPid}`],
    ...endpoints.map((endpoint, at) => [at === 0 ? 'endpoint' : '', endpoint]),
    ['last checkpoint', lastCheckpoint ?? 'none'],
  ]);
  const titles = ['ROLE', 'NAME', 'ADDRESS', 'STATE', 'PID', 'UPTIME', 'RESTARTS'];
  const numbers = ['BLOBS', 'PAGES', 'BYTES'];
  return `${facts}\n\n${columns([[...titles, ...numbers], ...members.map(rowOf)])}`;
}

function rowOf(member: MemberStatus): string[] {
  const { role, name, state, pid, uptimeSeconds, restarts, blobs, pages, bytes } = member;
  return [
    role,
    name,
    addressText(member),
    state,
    `${pid ?? '-'}`,
    uptimeSeconds === undefined ? '-' : durationText(uptimeSeconds),
    `${restarts}`,
    `${blobs ?? '-'}`,
    `${pages ?? '-'}`,
    bytes === undefined ? '-' : bytesText(bytes),
  ];
}

/** What is there, where the keys are, and what to try first. */
export function readyText(status: DeploymentStatus, layout: Layout, https: boolean): string {
  const { name, endpoints, directory } = status;
  return [
    `${name} is up.`,
    '',
    statusText(status),
    '',
    `The keys are in ${layout.accessKey}`,
    `         and in ${layout.secretKey}`,
    '',
    'To try it:',
    `  export AWS_ACCESS_KEY_ID=$(cat ${quoted(layout.accessKey)}) AWS_SECRET_ACCESS_KEY=$(cat ${quoted(layout.secretKey)})`,
    `  export AWS_DEFAULT_REGION=us-east-1 AWS_ENDPOINT_URL=${endpoints[0]}`,
    ...(https ? [`  export AWS_CA_BUNDLE=${quoted(`${layout.authority}/ca.pem`)}`] : []),
    '  aws s3 mb s3://photos',
    '  aws s3 cp README.md s3://photos/',
    '',
    `Everything is in ${directory}.`,
  ].join('\n');
}

/** For a shell, where it needs that. */
const quoted = (text: string): string =>
  /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;

/** In its two largest units: 3d 4h, 12m 5s. */
export function durationText(seconds: number): string {
  const [days, hours, minutes] = [daySeconds, hourSeconds, minuteSeconds].map((unit) =>
    Math.floor(seconds / unit),
  );
  if (days! > 0) return `${days}d ${hours! % 24}h`;
  if (hours! > 0) return `${hours}h ${minutes! % 60}m`;
  if (minutes! > 0) return `${minutes}m ${seconds % 60}s`;
  return `${seconds}s`;
}

export function bytesText(bytes: number): string {
  let [value, unit] = [bytes, 0];
  while (value >= kibi && unit < byteUnits.length - 1) {
    value /= kibi;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${byteUnits[unit]}`;
}
