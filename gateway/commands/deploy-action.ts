/** What a target does with a deployment: rows of the tables that `blobseer-s3 deploy` is made of. */
import type { Description } from '../../deploy/description/description.ts';
import type { Terminal } from '../terminal.ts';
import { UsageError } from './command.ts';

export const deployOptions = {
  target: { type: 'string' },
  foreground: { type: 'boolean' },
  'network-namespaces': { type: 'boolean' },
  timeout: { type: 'string' },
  json: { type: 'boolean' },
  watch: { type: 'boolean' },
  follow: { type: 'boolean' },
  lines: { type: 'string' },
  'delete-data': { type: 'string' },
  out: { type: 'string' },
  checkpoint: { type: 'boolean' },
  to: { type: 'string' },
  from: { type: 'string' },
  epoch: { type: 'string' },
  'endpoint-url': { type: 'string' },
} as const;
export type DeployFlag = keyof typeof deployOptions;

/** What an action of a target works on. */
export interface DeployCall {
  readonly terminal: Terminal;
  readonly file: string;
  readonly description: Description;
  readonly flag: (name: DeployFlag) => string | undefined;
  /** The member named behind the file. */
  readonly member: string | undefined;
}

export interface DeployAction {
  readonly flags: readonly DeployFlag[];
  readonly takesMember?: boolean;
  run(call: DeployCall): Promise<number>;
}

/** Of a flag that takes a count. */
export function numberOf(
  text: string | undefined,
  flag: DeployFlag,
  otherwise: number,
  max: number,
): number {
  if (text === undefined) return otherwise;
  const number = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (number >= 1 && number <= max) return number;
  throw new UsageError(`--${flag} must be a whole number from 1 to ${max}, not "${text}"`);
}
