/** What of this program's own directory a machine needs, as filters of rsync. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

export const packageDirectory = path.join(import.meta.dirname, '..', '..', '..');

interface Lock {
  readonly packages: Readonly<
    Record<string, { readonly dev?: boolean; readonly devOptional?: boolean }>
  >;
}

/** Programs, and packages that are not for development alone; no tests. */
export function packageFilters(): string[] {
  const lock = JSON.parse(
    readFileSync(path.join(packageDirectory, 'package-lock.json'), 'utf8'),
  ) as Lock;
  const packages = Object.entries(lock.packages)
    .filter(([name, { dev, devOptional }]) => isOutermost(name) && !dev && !devOptional)
    .map(([name]) => name)
    .filter((name) => existsSync(path.join(packageDirectory, name)));
  const scopes = new Set(packages.map((name) => path.posix.dirname(name)));
  return [
    '- *.test.js',
    '- *.map',
    '- /dist/conformance/',
    '+ /package.json',
    '+ /LICENSE',
    '+ /bin/***',
    '+ /dist/***',
    ...[...scopes].toSorted().map((name) => `+ /${name}/`),
    ...packages.map((name) => `+ /${name}/***`),
    '- *',
  ];
}

/** Packages within packages come along with them. */
const isOutermost = (name: string): boolean => /^node_modules\/(@[^/]+\/)?[^/]+$/.test(name);
