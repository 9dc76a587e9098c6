/** What the actions of `blobseer-s3 checkpoint` read of their arguments, and how they speak. */
import path from 'node:path';
import type { DeploymentPlace } from '../../deploy/checkpoint/deployment.ts';
import type { Place } from '../../deploy/checkpoint/place.ts';
import { openPlace } from '../../deploy/checkpoint/places.ts';
import type { Progress } from '../../deploy/checkpoint/progress.ts';
import type { Config } from '../config.ts';
import type { Terminal } from '../terminal.ts';
import { dataOptions, type ParsedArguments, UsageError } from './command.ts';

export const checkpointOptions = {
  ...dataOptions,
  to: { type: 'string' },
  from: { type: 'string' },
  deployment: { type: 'string' },
  epoch: { type: 'string' },
  every: { type: 'string' },
  keep: { type: 'string' },
  work: { type: 'string' },
  while: { type: 'string' },
  moved: { type: 'string', multiple: true },
  json: { type: 'boolean' },
  'endpoint-url': { type: 'string' },
} as const;

/** What every action is given. */
export interface Call {
  readonly parsed: ParsedArguments;
  readonly terminal: Terminal;
  readonly config: Config;
}

export function placeAt(call: Call, flag: 'to' | 'from'): Place {
  return placeNamed(call, required(call, flag, 'PLACE'));
}

/** A place, and the one in it for each member of a deployment. */
export function deploymentPlaceAt(call: Call, flag: 'to' | 'from'): DeploymentPlace {
  return deploymentPlace(required(call, flag, 'PLACE'), (text) => placeNamed(call, text));
}

export function deploymentPlace(text: string, open: (text: string) => Place): DeploymentPlace {
  const root = text.replace(/\/+$/, '');
  return { place: open(text), placeOf: (member) => open(`${root}/members/${member}`) };
}

function placeNamed({ parsed, terminal, config }: Call, text: string): Place {
  const work = parsed.flags.work?.[0] ?? path.join(config.dataDirectory, 'checkpoint-work');
  return openPlace(text, {
    workingDirectory: terminal.workingDirectory,
    environment: terminal.environment,
    endpointUrl: parsed.flags['endpoint-url']?.[0],
    workDirectory: path.resolve(terminal.workingDirectory, work),
  });
}

export function required({ parsed }: Call, flag: string, value: string): string {
  const given = parsed.flags[flag]?.[0];
  if (given === undefined || given === '') throw new UsageError(`--${flag} ${value} is needed`);
  return given;
}

export function epochOf({ parsed }: Call): number | undefined {
  const text = parsed.flags.epoch?.[0];
  if (text === undefined || text === 'latest') return undefined;
  return positive(text, '--epoch');
}

export function keepOf({ parsed }: Call): number | undefined {
  const text = parsed.flags.keep?.[0];
  return text === undefined ? undefined : positive(text, '--keep');
}

export function positive(text: string, flag: string): number {
  const value = /^\d{1,8}$/.test(text) ? Number(text) : 0;
  if (value === 0) throw new UsageError(`${flag} must be a positive number, not "${text}"`);
  return value;
}

/** Addresses of before to those of now, as HOST:PORT=HOST:PORT. */
export function movesOf({ parsed }: Call): ReadonlyMap<string, string> {
  return new Map(
    (parsed.flags.moved ?? []).map((text) => {
      const [, before, now] = /^([^=\s]+:\d{1,5})=([^=\s]+:\d{1,5})$/.exec(text) ?? [];
      if (before === undefined || now === undefined) {
        throw new UsageError(`--moved must be HOST:PORT=HOST:PORT, not "${text}"`);
      }
      return [before, now];
    }),
  );
}

export function durationMs(text: string): number {
  const [, count, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  const unitMs = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }[unit ?? ''];
  if (unitMs === undefined || Number(count) === 0) {
    throw new UsageError(`--every must be a time like 30m, 1h or 1d, not "${text}"`);
  }
  return Number(count) * unitMs;
}

export function progressText({ what, done, total }: Progress, member?: string): string {
  const of = total === undefined ? '' : ` of ${total}`;
  return `${member === undefined ? '' : `${member}, `}${what}: ${done}${of}`;
}
