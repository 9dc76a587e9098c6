/**
 * Runs a program under strace, and reads what strace wrote: one system call after the other with all its bytes. What
 * the calls mean for files is disk-trace.ts.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { atSignal } from './signals.ts';

/** All by which bytes or names of files can change, and `lseek`, which says where the next `write` goes. */
const watched = [
  'clone,clone3,fork,vfork,open,openat,creat,lseek,write,writev,pwrite64,pwritev,pwritev2',
  'truncate,ftruncate,fallocate,fdatasync,fsync,unlink,unlinkat,rename,renameat,renameat2',
  'mkdir,mkdirat,rmdir,link,linkat,copy_file_range,sendfile',
].join(',');
/** Longer than any write here; strace would leave out what is behind it. */
const longestStringBytes = 64 * 2 ** 20;

/** What .ci/run asks for: where it is set, a test that needs strace fails without it. */
export const straceRequired = (process.env.REQUIRE_STRACE ?? '') !== '';
export const straceMissing = 'strace is not here or may not trace';

const traceTimeoutMs = 120_000;
/** Processes that were killed are gone sooner; but who is to take note of it may not do so. */
const goneTimeoutMs = 2000;

/** Stops the program at watched calls alone: several times as fast, but not known to every strace. */
const onlyWatched = ['--seccomp-bpf'];
let found: readonly string[] | undefined;

/** The options by which strace works here; undefined where it does not. */
function workingOptions(): readonly string[] | undefined {
  found ??= [onlyWatched, []].find((options) => {
    const args = ['-f', ...options, '-e', 'trace=openat', '-o', '/dev/null', 'true'];
    return spawnSync('strace', args).status === 0;
  });
  return found;
}

export const canTrace = (): boolean => workingOptions() !== undefined;

/** Runs a Node program to its end, however that comes; the trace is in `file`. */
export async function traceNode(
  args: readonly string[],
  file: string,
  timeoutMs = traceTimeoutMs,
): Promise<void> {
  const options = workingOptions();
  if (options === undefined) throw new Error(straceMissing);
  const child = spawn(
    'strace',
    [
      ...['-f', '-y', '-qq', '-xx', ...options, '-s', `${longestStringBytes}`, '-o', file],
      ...['-e', `trace=${watched}`, process.execPath, ...args],
    ],
    // Writes through io_uring would not be seen.
    {
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, UV_USE_IO_URING: '0' },
      // Its own process group, by which it can be killed with all that it traces.
      detached: true,
    },
  );
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    killGroup(child.pid);
  }, timeoutMs);
  const forget = atSignal(() => killGroup(child.pid));
  try {
    const [status, signal] = await once(child, 'exit');
    if (isLate) throw new Error(`the traced program had not ended after ${timeoutMs / 1000} s`);
    if (status !== 0) throw new Error(`the traced program ended with ${status ?? signal}`);
  } catch (error) {
    // Without strace the programs would go on.
    for (let waitedMs = 0; killGroup(child.pid) && waitedMs < goneTimeoutMs; waitedMs += 10) {
      await delay(10);
    }
    throw error;
  } finally {
    clearTimeout(timer);
    forget();
  }
}

/** False where nobody is left in it. */
function killGroup(leader: number | undefined): boolean {
  try {
    return leader !== undefined && process.kill(-leader, 'SIGKILL');
  } catch {
    return false;
  }
}

/**
 * A system call. Times count half lines of the trace: a call that stands on line n begins at 2n and has ended
 * at 2n + 1, so that there are times within it.
 */
export interface SystemCall {
  readonly name: string;
  /** Of its process, not of its thread: descriptors belong to processes. */
  readonly process: string;
  /** Between the parentheses, with the names and data still as strace writes them. */
  readonly args: string;
  /** Behind the equals sign. */
  readonly result: string;
  readonly began: number;
  /** Infinity where it never returned. */
  readonly ended: number;
}

interface OpenCall {
  readonly name: string;
  readonly thread: string;
  readonly text: string;
  readonly began: number;
  ended: number;
}

const callLine = /^(\d+) +([a-z0-9_]+)\(/;
const resumedLine = /^(\d+) +<\.\.\. ([a-z0-9_]+) resumed>/;
const result = /\) += ([^"]*)$/;

export function parseCalls(trace: Buffer): SystemCall[] {
  const calls: OpenCall[] = [];
  const unfinished = new Map<string, number>();
  const threads = new Map<string, string>();
  let line = 0;
  for (let start = 0; start < trace.length; line += 1) {
    const newline = trace.indexOf(10, start);
    const end = newline < 0 ? trace.length : newline;
    readLine(trace.toString('latin1', start, end), line, calls, unfinished);
    start = end + 1;
  }
  for (const { name, thread, text } of calls) {
    if (!/^(clone3?|v?fork)$/.test(name)) continue;
    const made = /= (\d+)/.exec(result.exec(text)?.[0] ?? '')?.[1];
    if (made !== undefined && text.includes('CLONE_THREAD')) threads.set(made, thread);
  }
  return calls.map(({ name, thread, text, began, ended }) => {
    const found = result.exec(text);
    let process = thread;
    for (let of = threads.get(process); of !== undefined; of = threads.get(process)) process = of;
    return {
      name,
      process,
      args: text.slice(0, found?.index ?? text.length),
      result: found?.[1]?.trim() ?? '?',
      began,
      ended,
    };
  });
}

function readLine(
  text: string,
  line: number,
  calls: OpenCall[],
  unfinished: Map<string, number>,
): void {
  const resumed = resumedLine.exec(text);
  if (resumed !== null) {
    const [whole, thread, name] = resumed as unknown as [string, string, string];
    const key = `${thread} ${name}`;
    const at = unfinished.get(key);
    if (at === undefined) return;
    unfinished.delete(key);
    const call = calls[at]!;
    const tail = text.slice(whole.length);
    // A thread that was killed within a call: nobody knows how far it came.
    const ended = result.exec(tail)?.[1]?.trim() === '?' ? call.ended : 2 * line + 1;
    calls[at] = { ...call, text: call.text + tail, ended };
    return;
  }
  const found = callLine.exec(text);
  if (found === null) return; // a signal, or the end of a thread
  const [head, thread, name] = found as unknown as [string, string, string];
  const isUnfinished = text.includes('<unfinished ...>', Math.max(0, text.length - 40));
  const body = text.slice(head.length);
  if (!isUnfinished) {
    const hasResult = result.exec(text)?.[1]?.trim() !== '?';
    const ended = hasResult ? 2 * line + 1 : Number.POSITIVE_INFINITY;
    calls.push({ name, thread, text: body, began: 2 * line, ended });
    return;
  }
  unfinished.set(`${thread} ${name}`, calls.length);
  calls.push({
    name,
    thread,
    // `<unfinished ...>) = ?` stands where the whole program ended.
    text: body.replace(/ ?<unfinished \.\.\.>.*$/, ''),
    began: 2 * line,
    ended: Number.POSITIVE_INFINITY,
  });
}

/** A string that `-xx` wrote as `\x..` throughout. */
export function unhex(text: string): Buffer {
  return Buffer.from(text.replaceAll('\\x', ''), 'hex');
}
