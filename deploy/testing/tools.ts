/**
 * The real programs by which generated files are validated. Where one is not installed, its test is
 * skipped; .ci/run sets REQUIRE_DEPLOY_TOOLS, and there it must run.
 */
import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import path from 'node:path';

const isRequired = (process.env.REQUIRE_DEPLOY_TOOLS ?? '') !== '';
/** Debian keeps programs of the system apart from those of users. */
const systemDirectories = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

/** For the option `skip` of a test: false, or why it is skipped. */
export function unless(...tools: readonly string[]): string | false {
  const missing = tools.filter((tool) => toolPath(tool) === undefined);
  return missing.length === 0 || isRequired ? false : `not installed: ${missing.join(', ')}`;
}

export function toolPath(tool: string): string | undefined {
  const directories = [...(process.env.PATH ?? '').split(':'), ...systemDirectories];
  return directories.map((directory) => path.join(directory, tool)).find(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a tool to its end. Throws where it cannot be started. */
export function runTool(
  tool: string,
  args: readonly string[],
  options: {
    readonly cwd?: string;
    readonly env?: NodeJS.ProcessEnv;
    readonly input?: string;
  } = {},
): Outcome {
  const { status, stdout, stderr, error } = spawnSync(toolPath(tool) ?? tool, args, {
    ...options,
    encoding: 'utf8',
  });
  if (error !== undefined) throw error;
  return { status, stdout, stderr };
}
