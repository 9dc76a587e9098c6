/**
 * What a traced program did to the files below one directory, in order: writes with their bytes, syncs, lengths, names;
 * and the lines it wrote to its log, by which it says what it relies on. For each write it is known when it
 * became durable: when a sync of its file had ended that began after the write had.
 *
 * Not seen are writes to mapped memory. LMDB makes them only to its lock file, which is worth nothing after a
 * power cut: files whose name ends with `-lock` are left out.
 */
import path from 'node:path';
import { parseCalls, type SystemCall, unhex } from './strace.ts';

/** Durable from the beginning: what was there before the program ran. */
export const always = -1;
const never = Number.POSITIVE_INFINITY;

/** A change to one file's contents: bytes at an offset, or a new length. */
export interface Change {
  readonly kind: 'write' | 'truncate';
  readonly offset: number;
  /** Empty for a new length, which is `offset`. */
  readonly bytes: Buffer;
  readonly began: number;
  readonly ended: number;
  /** From when on no power cut takes it back. */
  durable: number;
}

export interface TracedFile {
  readonly changes: Change[];
}

/** A change to a directory: `name` (relative to the data directory) names `file` now, or nothing. */
export interface Naming {
  readonly name: string;
  readonly file: TracedFile | undefined;
  readonly began: number;
  readonly ended: number;
  durable: number;
}

export interface LogLine {
  readonly text: string;
  readonly began: number;
}

export interface DiskTrace {
  readonly namings: Naming[];
  readonly log: LogLine[];
  /** When something happened that makes a cut before and behind it interesting: syncs, durable writes, log lines. */
  readonly moments: number[];
  readonly end: number;
}

export interface TraceOptions {
  readonly directory: string;
  readonly logFile: string;
  /** The files below the directory when the program began. */
  readonly before?: ReadonlyMap<string, Buffer>;
  /** Asked for each sync of a file: true where it shall count as not made. */
  readonly isSyncLost?: () => boolean;
}

export function readDiskTrace(trace: Buffer, options: TraceOptions): DiskTrace {
  return new TraceReader(options).read(parseCalls(trace));
}

interface Descriptor {
  readonly file: TracedFile;
  readonly appends: boolean;
  readonly isSynchronous: boolean;
  position: number;
}

interface Sync {
  /** Undefined for a directory's. */
  readonly file: TracedFile | undefined;
  readonly directory: string;
  readonly began: number;
  readonly ended: number;
}

/** `20</a/b>` at the beginning of the arguments. */
const descriptorArgument = /^(\d+)<((?:\\x[0-9a-f]{2})*)>(?:\(deleted\))?/;
const dataArgument = /"((?:\\x[0-9a-f]{2})*)"/g;

class TraceReader {
  private readonly options: TraceOptions;
  private readonly descriptors = new Map<string, Descriptor>();
  private readonly names = new Map<string, TracedFile>();
  private readonly lengths = new Map<TracedFile, number>();
  private readonly syncs: Sync[] = [];
  private readonly namings: Naming[] = [];
  private readonly log: LogLine[] = [];
  private readonly moments: number[] = [];

  constructor(options: TraceOptions) {
    this.options = options;
    for (const [name, bytes] of options.before ?? []) {
      const change: Change = { kind: 'write', offset: 0, bytes, ...ofBefore };
      const file: TracedFile = { changes: [change] };
      this.names.set(name, file);
      this.lengths.set(file, bytes.length);
      this.namings.push({ name, file, ...ofBefore });
    }
  }

  read(calls: readonly SystemCall[]): DiskTrace {
    let end = 0;
    for (const call of calls) {
      this.take(call);
      end = Math.max(end, call.began + 2);
    }
    this.findDurable();
    return { namings: this.namings, log: this.log, moments: this.moments, end };
  }

  private take(call: SystemCall): void {
    if (call.result.startsWith('-1')) return;
    switch (call.name) {
      case 'open':
      case 'openat':
      case 'creat':
        this.open(call);
        break;
      case 'lseek':
        this.seek(call);
        break;
      case 'write':
      case 'writev':
      case 'pwrite64':
      case 'pwritev':
      case 'pwritev2':
        this.write(call);
        break;
      case 'ftruncate':
      case 'fallocate':
        this.resize(call);
        break;
      case 'fsync':
      case 'fdatasync':
        this.sync(call);
        break;
      case 'unlink':
      case 'unlinkat':
      case 'rename':
      case 'renameat':
      case 'renameat2':
        this.rename(call);
        break;
      case 'link':
      case 'linkat':
        this.link(call);
        break;
      case 'truncate':
      case 'copy_file_range':
      case 'sendfile':
        if (this.namesIn(call.args).length > 0) throw new Error(`${call.name} is not understood`);
    }
  }

  /** Relative to the data directory; undefined for a name outside of it. */
  private inside(absolute: string): string | undefined {
    const name = path.relative(this.options.directory, absolute);
    return name.startsWith('..') || name.endsWith('-lock') ? undefined : name;
  }

  private namesIn(args: string): string[] {
    const found: string[] = [];
    for (const [, hex] of args.matchAll(dataArgument)) {
      const name = this.inside(path.resolve(unhex(hex!).toString()));
      if (name !== undefined) found.push(name);
    }
    return found;
  }

  private open(call: SystemCall): void {
    const [name] = this.namesIn(call.args);
    const number = /^\d+/.exec(call.result)?.[0];
    if (number === undefined) return;
    const key = `${call.process} ${number}`;
    this.descriptors.delete(key); // closed since
    if (name === undefined) return;
    const flags = call.args;
    let file = this.names.get(name);
    if (file === undefined) {
      if (!flags.includes('O_CREAT')) return; // a directory
      file = { changes: [] };
      this.lengths.set(file, 0);
      this.name(call, name, file);
    } else if (flags.includes('O_TRUNC')) this.change(call, file, 'truncate', 0, noBytes, false);
    this.descriptors.set(key, {
      file,
      appends: flags.includes('O_APPEND'),
      isSynchronous: /\bO_D?SYNC\b/.test(flags),
      position: 0,
    });
  }

  /** The file that the call's descriptor stands for, where it is below the data directory. */
  private descriptor(call: SystemCall): Descriptor | undefined {
    const [, number, hex] = descriptorArgument.exec(call.args) ?? [];
    if (hex === undefined) return undefined;
    // The number may have got another meaning by calls that are not watched, such as `socket`.
    if (
      this.inside(
        unhex(hex)
          .toString()
          .replace(/ \(deleted\)$/, ''),
      ) === undefined
    )
      return;
    return this.descriptors.get(`${call.process} ${number}`);
  }

  private seek(call: SystemCall): void {
    const descriptor = this.descriptor(call);
    if (descriptor !== undefined && call.ended !== never) descriptor.position = Number(call.result);
  }

  private write(call: SystemCall): void {
    const descriptor = this.descriptor(call);
    if (descriptor === undefined) {
      this.writeLog(call);
      return;
    }
    const all = Buffer.concat([...call.args.matchAll(dataArgument)].map(([, hex]) => unhex(hex!)));
    const bytes = call.ended === never ? all : all.subarray(0, Number(call.result));
    const { file } = descriptor;
    let offset: number;
    if (call.name.startsWith('p')) {
      // Behind the data: length or count, offset, and flags of pwritev2.
      const numbers = call.args.slice(call.args.lastIndexOf('"')).split(', ');
      offset = Number(numbers[call.name === 'pwritev2' ? numbers.length - 2 : numbers.length - 1]);
      if (Number.isNaN(offset)) throw new Error(`${call.name} at no offset`);
    } else {
      offset = descriptor.appends ? this.lengths.get(file)! : descriptor.position;
      descriptor.position = offset + bytes.length;
    }
    const isSynchronous = descriptor.isSynchronous || /RWF_D?SYNC/.test(call.args.slice(-60));
    this.change(call, file, 'write', offset, bytes, isSynchronous);
  }

  private writeLog(call: SystemCall): void {
    const hex = descriptorArgument.exec(call.args)?.[2];
    if (hex === undefined || unhex(hex).toString() !== this.options.logFile) return;
    for (const [, data] of call.args.matchAll(dataArgument)) {
      for (const text of unhex(data!).toString().split('\n')) {
        if (text !== '') this.log.push({ text, began: call.began });
      }
    }
    this.moments.push(call.began);
  }

  private resize(call: SystemCall): void {
    const file = this.descriptor(call)?.file;
    if (file === undefined) return;
    const numbers = call.args.split(', ');
    if (call.name === 'ftruncate') {
      this.change(call, file, 'truncate', Number(numbers[1]), noBytes, false);
      return;
    }
    const [, mode, offset, length] = numbers as [string, string, string, string];
    if (/PUNCH_HOLE|ZERO_RANGE/.test(mode)) {
      this.change(call, file, 'write', Number(offset), Buffer.alloc(Number(length)), false);
    } else if (mode === '0') {
      const end = Number(offset) + Number(length);
      if (end > this.lengths.get(file)!) this.change(call, file, 'truncate', end, noBytes, false);
    } else if (mode !== 'FALLOC_FL_KEEP_SIZE') throw new Error(`fallocate ${mode}?`);
  }

  private change(
    { began, ended }: SystemCall,
    file: TracedFile,
    kind: Change['kind'],
    offset: number,
    bytes: Buffer,
    isSynchronous: boolean,
  ): void {
    file.changes.push({
      kind,
      offset,
      bytes,
      began,
      ended,
      durable: isSynchronous ? ended : never,
    });
    const end = offset + bytes.length;
    this.lengths.set(file, kind === 'write' ? Math.max(end, this.lengths.get(file)!) : end);
    if (isSynchronous) this.moments.push(began, ...(ended === never ? [] : [ended]));
  }

  private sync(call: SystemCall): void {
    const { began, ended } = call;
    const [, , hex] = descriptorArgument.exec(call.args) ?? [];
    const directory = this.inside(unhex(hex ?? '').toString());
    if (directory === undefined) return;
    const file = this.descriptor(call)?.file;
    const isLost = file !== undefined && this.options.isSyncLost?.() === true;
    if (!isLost) this.syncs.push({ file, directory, began, ended });
    this.moments.push(began, ...(ended === never ? [] : [ended]));
  }

  private name({ began, ended }: SystemCall, name: string, file: TracedFile | undefined): void {
    if (file === undefined) this.names.delete(name);
    else this.names.set(name, file);
    this.namings.push({ name, file, began, ended, durable: never });
  }

  private rename(call: SystemCall): void {
    const [from, to] = this.namesIn(call.args);
    if (from === undefined) return;
    const file = this.names.get(from);
    const isRename = call.name.startsWith('rename');
    if (file === undefined) {
      if (isRename) throw new Error(`${from}, which is renamed, is no file`);
      return;
    }
    this.name(call, from, undefined);
    if (isRename && to !== undefined) this.name(call, to, file);
  }

  private link(call: SystemCall): void {
    const [from, to] = this.namesIn(call.args);
    const file = from === undefined ? undefined : this.names.get(from);
    if (file === undefined || to === undefined) throw new Error(`${call.args}: a link to no file`);
    this.name(call, to, file);
  }

  private findDurable(): void {
    const files = new Set(this.namings.flatMap(({ file }) => file ?? []));
    for (const file of files) {
      settle(
        file.changes,
        this.syncs.filter((sync) => sync.file === file),
      );
    }
    for (const naming of this.namings) {
      const folder = path.dirname(naming.name).replace(/^\.$/, '');
      settle(
        [naming],
        this.syncs.filter((sync) => sync.file === undefined && sync.directory === folder),
      );
    }
  }
}

const noBytes = Buffer.alloc(0);
const ofBefore = { began: always, ended: always, durable: always };

/** When each is durable, which come in the order of the trace. */
function settle(
  changes: readonly { readonly ended: number; durable: number }[],
  syncs: readonly Sync[],
): void {
  let first = 0;
  // Without the few that overlap, the next sync that begins is the next that ends.
  const endedFrom = new Array<number>(syncs.length + 1).fill(never);
  for (let at = syncs.length - 1; at >= 0; at -= 1) {
    endedFrom[at] = Math.min(syncs[at]!.ended, endedFrom[at + 1]!);
  }
  for (const change of changes) {
    // Ends need not rise as beginnings do.
    while (first > 0 && syncs[first - 1]!.began > change.ended) first -= 1;
    while (first < syncs.length && syncs[first]!.began < change.ended) first += 1;
    change.durable = Math.min(change.durable, endedFrom[first]!);
  }
}
