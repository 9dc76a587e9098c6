/** Runs a program of the system to its end: ssh, rsync, the client of a cloud. */
import { spawn } from 'node:child_process';
import { BlobSeerError } from '../blobseer-client/errors.ts';

/** Of what a program says, in errors and answers. */
const maxOutputBytes = 2 ** 20;
const shownLines = 6;

export interface ProgramRun {
  readonly program: string;
  readonly args: readonly string[];
  /** For its standard input; it may be secret, as arguments may not. */
  readonly input?: Buffer | string;
  readonly environment?: NodeJS.ProcessEnv;
  readonly timeoutMs: number;
  /** Called with what it prints, as it comes. */
  readonly onOutput?: (text: string) => void;
}

/**
 * Resolves with what it printed. Throws `unavailable` with its last words when it ends with another status
 * than 0, and `not-found` where there is no such program.
 */
export async function runProgram(run: ProgramRun): Promise<string> {
  const { program, args, input, environment, timeoutMs, onOutput } = run;
  const child = spawn(program, args, {
    env: environment ?? process.env,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const printed = new Output();
  const complained = new Output();
  child.stdout.on('data', (piece: Buffer) => {
    printed.add(piece);
    onOutput?.(piece.toString());
  });
  child.stderr.on('data', (piece: Buffer) => complained.add(piece));
  // A program that ends before it has read everything says so by its status.
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
  try {
    const end = await new Promise<string | number>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (status, signal) => resolve(status ?? signal ?? ''));
    });
    if (end === 0) return printed.text();
    const words = `${printed.text()}\n${complained.text()}`.trim().split('\n').slice(-shownLines);
    throw new BlobSeerError('unavailable', `${program} ended with ${end}: ${words.join('\n')}`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new BlobSeerError('not-found', `the program ${program} is not installed`);
  } finally {
    clearTimeout(timer);
  }
}

/** The last of it, when there is too much. */
class Output {
  #pieces: Buffer[] = [];
  #bytes = 0;

  add(piece: Buffer): void {
    this.#pieces.push(piece);
    this.#bytes += piece.length;
    if (this.#bytes > 2 * maxOutputBytes) {
      const kept = Buffer.concat(this.#pieces).subarray(-maxOutputBytes);
      this.#pieces = [kept];
      this.#bytes = kept.length;
    }
  }

  text(): string {
    return Buffer.concat(this.#pieces).toString();
  }
}
