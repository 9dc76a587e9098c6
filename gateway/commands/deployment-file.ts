/** The file of a deployment, as commands are given it. */
import { readFileSync } from 'node:fs';
import {
  type Description,
  DescriptionError,
  readDescription,
} from '../../deploy/description/description.ts';
import { ConfigError } from '../config.ts';

/** Throws ConfigError, whose message names the line and the key. */
export function describedIn(file: string): Description {
  try {
    return readDescription(readFileSync(file, 'utf8'));
  } catch (error) {
    if (error instanceof DescriptionError) throw new ConfigError(`${file}, ${error.message}`);
    if (!(error instanceof Error && 'code' in error)) throw error;
    throw new ConfigError(`cannot read ${file}: ${error.message}`);
  }
}
