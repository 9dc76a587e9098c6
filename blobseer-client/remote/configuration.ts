/**
 * The original's configuration file, by the paths of its settings. One file serves all programs of a
 * deployment: each takes what it needs of it. What is missing or makes no sense is an error with its line.
 */
import { isIPv6 } from 'node:net';
import { type ConfigGroup, type ConfigValue, LibconfigError, parseLibconfig } from './libconfig.ts';
import type { Address } from './remote-error.ts';

/** The groups that somebody reads: the original's (the last but one its file system), and our own. */
const groups = ['vmanager', 'pmanager', 'provider', 'sdht', 'dht', 'fuse', 'security'];

const name = /^[A-Za-z0-9]([\w.-]*[A-Za-z0-9])?$/;

export interface Setting {
  readonly path: string;
  readonly line: number;
}

export class Configuration {
  readonly #file: ConfigGroup;

  /** Throws LibconfigError, as all methods do. */
  constructor(text: string) {
    this.#file = parseLibconfig(text);
  }

  /** The settings of all known groups; of what else there is only the outermost names. */
  settings(): Setting[] {
    return [...this.#file.settings].flatMap(([path, value]) => {
      if (value.kind !== 'group' || !groups.includes(path)) return { path, line: value.line };
      return [...value.settings].map(([inner, { line }]) => ({ path: `${path}.${inner}`, line }));
    });
  }

  /** Undefined where there is none. */
  find(path: string): ConfigValue | undefined {
    let value: ConfigValue | undefined = this.#file;
    for (const step of path.split('.')) {
      value = value?.kind === 'group' ? value.settings.get(step) : undefined;
    }
    return value;
  }

  string(path: string): string {
    return stringIn(this.#need(path), path);
  }

  /** At least one; a list `( , )` or an array `[ , ]`. */
  strings(path: string): string[] {
    const { line, ...found } = this.#need(path);
    if (found.kind !== 'list' || found.items.length === 0) {
      throw new LibconfigError(line, `${path} must be a list of strings`);
    }
    return found.items.map((item) => stringIn(item, path));
  }

  /** A whole number, from 1 on unless `min` says otherwise. */
  count(path: string, { min = 1, max, of }: { min?: number; max: number; of: string }): number {
    const found = this.#need(path);
    const value = found.kind === 'scalar' ? found.value : undefined;
    if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
      throw new LibconfigError(found.line, `${path} must be a number of ${of}`);
    }
    return value;
  }

  port(path: string): number {
    const text = this.string(path);
    const port = /^\d{1,5}$/.test(text) ? Number(text) : -1;
    if (port >= 1 && port <= 65_535) return port;
    throw this.wrong(path, `must be a port in quotes, not "${text}"`);
  }

  /** The `host` and the `service` of a group. */
  address(group: string): Address {
    const path = `${group}.host`;
    const host = this.string(path);
    return { host: this.#checkedHost(host, path), port: this.port(`${group}.service`) };
  }

  hosts(path: string): string[] {
    return this.strings(path).map((host) => this.#checkedHost(host, path));
  }

  wrong(path: string, message: string): LibconfigError {
    return new LibconfigError(this.#need(path).line, `${path} ${message}`);
  }

  #checkedHost(host: string, path: string): string {
    if (name.test(host) || isIPv6(host)) return host;
    throw this.wrong(path, `must be the name or the address of a host, not "${host}"`);
  }

  #need(path: string): ConfigValue {
    const found = this.find(path);
    if (found !== undefined) return found;
    const [group = ''] = path.split('.');
    throw new LibconfigError(this.find(group)?.line ?? 1, `${path} is missing`);
  }
}

function stringIn(found: ConfigValue, path: string): string {
  if (found.kind === 'scalar' && typeof found.value === 'string' && found.value !== '') {
    return found.value;
  }
  throw new LibconfigError(found.line, `${path} must be a string in quotes`);
}
