/** The suite's Python: the interpreter that PYTHON names, its versions, and pytest in it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { killGroup } from '../harness/processes.ts';

/** Something that the caller can mend: the message says what. */
export class UsageError extends Error {}

const modules = ['pytest', 'boto3', 'munch', 'isodate', 'pytz', 'httplib2', 'lxml', 'requests'];
const suiteTimeoutMs = 3_600_000;
/** Knows conditional deletes and the checksums that the tests name. */
const neededBotocore = [1, 36] as const;

const python = process.env.PYTHON ?? 'python3';
const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const { pid } of running) if (pid !== undefined) killGroup(pid);
});

export interface Output {
  readonly status: number | null;
  readonly output: string;
}

/** A Python of its own process group, so that its workers end with it. */
export async function runPython(
  args: readonly string[],
  {
    folder,
    env,
    logFile,
  }: { folder: string; env: NodeJS.ProcessEnv; logFile?: string | undefined },
): Promise<Output> {
  const child = spawn(python, args, {
    cwd: folder,
    env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  const log = logFile === undefined ? undefined : createWriteStream(logFile, { flags: 'a' });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (bytes: Buffer) => {
      output += bytes.toString();
      log?.write(bytes);
    });
  }
  const timer = setTimeout(() => child.pid !== undefined && killGroup(child.pid), suiteTimeoutMs);
  try {
    const [status] = (await once(child, 'close')) as [number | null];
    return { status, output };
  } finally {
    clearTimeout(timer);
    running.delete(child);
    log?.end();
  }
}

/** The suite's environment: nobody's own AWS settings, nothing written into the checkout. */
export function suiteEnvironment(configurationFile: string): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('AWS_'));
  return {
    ...Object.fromEntries(own),
    S3TEST_CONF: configurationFile,
    AWS_CONFIG_FILE: '/dev/null',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    AWS_EC2_METADATA_DISABLED: 'true',
    PYTHONDONTWRITEBYTECODE: '1',
    PYTHONWARNINGS: 'ignore',
  };
}

/** Python's and botocore's version and whether tests can run side by side. */
export async function inspectPython(
  folder: string,
): Promise<{ versions: string; parallel: boolean }> {
  const missing: string[] = [];
  const imports = [...modules, 'xdist'].map(
    (name) => `try:\n import ${name}\nexcept ImportError:\n print('missing', '${name}')`,
  );
  const program = [
    ...imports,
    'import platform',
    "print('versions Python', platform.python_version(), end='')",
    "print(', pytest', pytest.__version__, end='')",
    "import botocore; print(', botocore', botocore.__version__)",
  ].join('\n');
  const { output } = await runPython(['-c', program], { folder, env: process.env });
  for (const [, name = ''] of output.matchAll(/^missing (\S+)$/gm)) missing.push(name);
  const needed = missing.filter((name) => name !== 'xdist');
  if (needed.length > 0) throw new UsageError(`${python} has no ${needed.join(', ')}`);
  const versions = /^versions (.+)$/m.exec(output)?.[1];
  if (versions === undefined) throw new UsageError(`${python} does not run:\n${output}`);
  return { versions, parallel: !missing.includes('xdist') };
}

/** Undefined where it is new enough. */
export function oldBotocoreWarning(versions: string): string | undefined {
  const found = /botocore (\d+)\.(\d+)/.exec(versions);
  const [major, minor] = neededBotocore;
  const [foundMajor, foundMinor] = [Number(found?.[1]), Number(found?.[2])];
  if (foundMajor > major || (foundMajor === major && foundMinor >= minor)) return undefined;
  return `botocore is older than ${major}.${minor}: tests of newer parameters fail in the client (--help says what to do)`;
}
