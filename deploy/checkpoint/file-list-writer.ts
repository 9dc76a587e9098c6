/** Writes the list of a checkpoint's files, line by line, to a local file. */
import { type FileHandle, open } from 'node:fs/promises';

const flushCharacters = 2 ** 20;
const privateFile = 0o600;

export class FileListWriter {
  readonly file: string;
  readonly #handle: FileHandle;
  #text = '';
  /** Lines. */
  count = 0;
  /** Of the files. */
  bytes = 0;

  private constructor(file: string, handle: FileHandle) {
    this.file = file;
    this.#handle = handle;
  }

  static async open(file: string): Promise<FileListWriter> {
    return new FileListWriter(file, await open(file, 'wx', privateFile));
  }

  async add(line: string, bytes: number): Promise<void> {
    this.#text += line;
    this.count++;
    this.bytes += bytes;
    if (this.#text.length > flushCharacters) await this.#flush();
  }

  async #flush(): Promise<void> {
    const text = this.#text;
    this.#text = '';
    await this.#handle.writeFile(text);
  }

  async close(): Promise<void> {
    await this.#flush().finally(() => this.#handle.close());
  }
}
