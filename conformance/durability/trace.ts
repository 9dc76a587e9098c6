/**
 * Reads what strace saw of a gateway, and holds it against the order that durability needs: pages,
 * then the name of their file, then the records, then the root of the database, then the answer.
 */

/** A system call on a file or socket, by the lines where it began and where it had returned. */
export interface Call {
  readonly name: string;
  /** What its descriptor (for openat: its argument) names. */
  readonly file: string;
  readonly descriptor: number;
  readonly text: string;
  readonly began: number;
  readonly ended: number;
}

const callLine = /^(\d+)\s+(\w+)\((?:(\d+)<([^>]*)>|AT_FDCWD<[^>]*>, "([^"]*)")/;
const resumedLine = /^(\d+)\s+<\.\.\. (\w+) resumed>/;

/** From `strace -f -y` output. Calls that never returned end with the trace. */
export function parseTrace(trace: string): Call[] {
  const lines = trace.split('\n');
  const calls: Call[] = [];
  const unfinished = new Map<string, number>();
  for (const [at, line] of lines.entries()) {
    const resumed = resumedLine.exec(line);
    if (resumed !== null) {
      const index = unfinished.get(`${resumed[1]} ${resumed[2]}`);
      if (index !== undefined) {
        const call = calls[index]!;
        calls[index] = { ...call, ended: at, text: call.text + line };
      }
      continue;
    }
    const [, pid, name, descriptor, file, argument] = callLine.exec(line) ?? [];
    if (pid === undefined || name === undefined) continue;
    const isUnfinished = line.endsWith('<unfinished ...>');
    if (isUnfinished) unfinished.set(`${pid} ${name}`, calls.length);
    calls.push({
      name,
      file: file ?? argument ?? '',
      descriptor: Number(descriptor ?? -1),
      text: line,
      began: at,
      ended: isUnfinished ? lines.length : at,
    });
  }
  return calls;
}

const isWrite = ({ name }: Call): boolean => /^p?writev?(64)?2?$/.test(name);
const isSync = ({ name }: Call): boolean => name === 'fdatasync' || name === 'fsync';
const isDatabase = ({ file }: Call): boolean => file.endsWith('/blobseer.mdb');
const pageFile = /\/pages\/\d+\/\d+\/\d+-\d+$/;

function isAnswer(call: Call): boolean {
  return /^(socket|TCP)/.test(call.file) && call.text.includes('"HTTP/1.1 2');
}

/** LMDB writes its root through a descriptor of its own, opened with O_DSYNC: written is durable. */
function rootDescriptors(calls: readonly Call[]): Set<number> {
  const found = new Set<number>();
  for (const call of calls) {
    const isRoot = call.name === 'openat' && isDatabase(call) && call.text.includes('O_DSYNC');
    const opened = /= (\d+)</.exec(call.text)?.[1];
    if (isRoot && opened !== undefined) found.add(Number(opened));
  }
  return found;
}

export interface AnswerReport {
  readonly violations: readonly string[];
  /** Root writes and page files that the answer waited for: none at all would prove nothing. */
  readonly roots: number;
  readonly pageFiles: number;
}

/** One report per 2xx answer; requests must have come one at a time. */
export function reportAnswers(calls: readonly Call[]): AnswerReport[] {
  const roots = rootDescriptors(calls);
  const reports: AnswerReport[] = [];
  let from = 0;
  for (const [at, call] of calls.entries()) {
    if (!isAnswer(call)) continue;
    reports.push(reportAnswer(calls.slice(from, at), call, roots));
    from = at + 1;
  }
  return reports;
}

function reportAnswer(
  before: readonly Call[],
  answer: Call,
  rootDescriptors: ReadonlySet<number>,
): AnswerReport {
  const violations: string[] = [];
  const isRoot = (call: Call): boolean => isDatabase(call) && rootDescriptors.has(call.descriptor);
  const roots = before.filter((call) => isWrite(call) && isRoot(call));
  for (const call of [...roots, ...before.filter(isSync)]) {
    if (call.ended >= answer.began) violations.push(`answered before ${call.name} ${call.file}`);
  }
  for (const call of before.filter((one) => isWrite(one) && isDatabase(one) && !isRoot(one))) {
    const sync = before.find((one) => isSync(one) && isDatabase(one) && one.began > call.ended);
    const root = roots.find((one) => one.began > call.ended);
    if (sync === undefined) violations.push('records were not synced');
    else if (root === undefined || root.began < sync.ended) violations.push('root before records');
  }
  const files = new Set(
    before.filter((call) => isWrite(call) && pageFile.test(call.file)).map(({ file }) => file),
  );
  for (const file of files) violations.push(...reportPageFile(before, file, roots));
  return { violations, roots: roots.length, pageFiles: files.size };
}

function reportPageFile(before: readonly Call[], file: string, roots: readonly Call[]): string[] {
  const written = Math.max(
    ...before.filter((call) => isWrite(call) && call.file === file).map(({ ended }) => ended),
  );
  const synced = before.find((call) => isSync(call) && call.file === file && call.began > written);
  if (synced === undefined) return [`${file} was not synced`];
  const folder = file.slice(0, file.lastIndexOf('/'));
  const named = before.find(
    (call) => call.name === 'fsync' && call.file === folder && call.began > synced.ended,
  );
  if (named === undefined) return [`the name of ${file} was not synced`];
  const last = roots[roots.length - 1];
  if (last === undefined || last.began < named.ended) return [`records before ${file}`];
  return [];
}
