/** strace, by which a test sees system calls. */
import { spawnSync } from 'node:child_process';

/** What is asked of the environment; .ci/run sets REQUIRE_STRACE. */
export const straceRequired = (process.env.REQUIRE_STRACE ?? '') !== '';
export const straceMissing = 'strace is not here or may not trace';

/** It may be here and not be allowed to, as in some containers. */
export const canTrace = (): boolean =>
  spawnSync('strace', ['-f', '-o', '/dev/null', 'true']).status === 0;
