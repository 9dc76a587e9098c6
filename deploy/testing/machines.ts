/** A machine that is a directory: its files are below it, and its systemctl notes what it is asked. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Artifact, program, writeArtifacts } from '../artifact.ts';

/** It knows no unit that does not run, and ends with the status that UNIT_STATUS has for that question. */
const systemctl = `#!/bin/sh
printf '%s\\n' "$*" >>"$BLOBSEER_ROOT/systemctl.log"
case $1 in
  is-active) exit "$(cat "$BLOBSEER_ROOT/unit-status" 2>/dev/null || echo 0)" ;;
esac
`;

/** There is no user of BlobSeer where tests run: its files belong to whoever runs them. */
const sysusers = `#!/bin/sh
sed -i "s/^BLOBSEER_USER=.*/BLOBSEER_USER=$(id -un)/" "$BLOBSEER_ROOT/etc/default/blobseer"
`;

/** Whoever runs the test may do everything to a machine that is a directory. */
const sudo = '#!/bin/sh\nexec "$@"\n';

export class TestMachine {
  readonly root: string;
  /** Of programs that run on it. */
  readonly environment: NodeJS.ProcessEnv;

  constructor(files: readonly Artifact[]) {
    this.root = mkdtempSync(path.join(tmpdir(), 'machine-'));
    writeArtifacts(this.root, files);
    writeArtifacts(this.root, [
      program('stand-ins/systemctl', systemctl),
      program('stand-ins/systemd-sysusers', sysusers),
      program('stand-ins/sudo', sudo),
    ]);
    mkdirSync(path.join(this.root, 'etc'), { recursive: true });
    writeFileSync(path.join(this.root, 'etc/hosts'), '127.0.0.1 localhost\n');
    this.environment = {
      ...process.env,
      BLOBSEER_ROOT: this.root,
      PATH: `${path.join(this.root, 'stand-ins')}:${process.env.PATH}`,
    };
    if (this.has('etc/default/blobseer')) {
      execFileSync('systemd-sysusers', { env: this.environment });
    }
  }

  read(name: string): string {
    return readFileSync(path.join(this.root, name), 'utf8');
  }

  has(name: string): boolean {
    return existsSync(path.join(this.root, name));
  }

  write(name: string, text: string): void {
    const file = path.join(this.root, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, text);
  }

  /** What systemctl was asked since the last time. */
  takeSystemctl(): string[] {
    const log = path.join(this.root, 'systemctl.log');
    if (!existsSync(log)) return [];
    const lines = readFileSync(log, 'utf8').trimEnd().split('\n');
    rmSync(log);
    return lines;
  }

  remove(): void {
    rmSync(this.root, { recursive: true });
  }
}
