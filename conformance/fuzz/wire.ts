/**
 * One connection, byte for byte: what goes out is what was given, and what comes back is parsed
 * strictly, by the framing that the answer announces (RFC 9112 section 6). An answer that is not well
 * framed is a finding, as is one that does not come.
 */
import net from 'node:net';

export interface Answer {
  readonly status: number;
  readonly reason: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Buffer;
  /** The server will close: it said so, or the body had no other end. */
  readonly closes: boolean;
}

/** What is wrong with a server, as opposed to what is wrong with this program. */
export class Finding extends Error {}

/** Far beyond what any request here needs: it tells a hang, it does not measure. */
const deadlineMs = 45_000;

export class Connection {
  readonly #socket: net.Socket;
  #received: Buffer = Buffer.alloc(0);
  #hasEnded = false;
  #failure: Error | undefined;
  #wake: (() => void) | undefined;

  private constructor(socket: net.Socket) {
    this.#socket = socket;
    socket.on('data', (bytes: Buffer) => {
      this.#received = this.#received.length === 0 ? bytes : Buffer.concat([this.#received, bytes]);
      this.#wake?.();
    });
    socket.on('end', () => this.#end());
    socket.on('close', () => this.#end());
    socket.on('error', (error) => {
      this.#failure = error;
      this.#end();
    });
  }

  static open(port: number): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(new Connection(socket));
      });
    });
  }

  write(bytes: Buffer): void {
    if (!this.#hasEnded) this.#socket.write(bytes);
  }

  /** Says that no more will come; answers are still read. */
  halfClose(): void {
    this.#socket.end();
  }

  close(): void {
    this.#socket.destroy();
  }

  /** True while the server keeps the connection and sent nothing that nobody asked for. */
  get isQuiet(): boolean {
    return !this.#hasEnded && this.#received.length === 0;
  }

  /** The next final answer. Undefined when the connection ends before its first byte. */
  async answer(isHead: boolean): Promise<Answer | undefined> {
    for (;;) {
      const answer = await this.#next(isHead);
      if (answer === undefined || answer.status >= 200) return answer;
    }
  }

  /** The next answer, interim ones (1xx) too. */
  interimOrFinal(isHead: boolean): Promise<Answer | undefined> {
    return this.#next(isHead);
  }

  /** Waits until the server has closed; what it sends before is a finding, if it is not expected. */
  async closed(mayHaveMore = false): Promise<void> {
    while (!this.#hasEnded) await this.#more();
    if (this.#received.length > 0 && !mayHaveMore) {
      throw new Finding(`bytes behind the last answer: ${shown(this.#received)}`);
    }
    this.close();
  }

  async #next(isHead: boolean): Promise<Answer | undefined> {
    const end = await this.#find('\r\n\r\n');
    if (end < 0) {
      if (this.#received.length === 0) return undefined;
      throw new Finding(`the answer breaks off in its head: ${shown(this.#received)}`);
    }
    const [statusLine = '', ...lines] = this.#take(end + 4)
      .toString('latin1')
      .slice(0, -4)
      .split('\r\n');
    const [, status, reason = ''] = /^HTTP\/1\.1 (\d{3}) ([\t -~]*)$/.exec(statusLine) ?? [];
    if (status === undefined) throw new Finding(`no status line: ${statusLine}`);
    const headers = lines.map((line) => {
      const [, name, value] =
        /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\0\r\n]*?)[ \t]*$/.exec(line) ?? [];
      if (name === undefined || value === undefined) throw new Finding(`not a header: ${line}`);
      return [name.toLowerCase(), value] as const;
    });
    const head = { status: Number(status), reason, headers };
    return { ...head, ...(await this.#body(head, isHead)) };
  }

  async #body(
    head: Pick<Answer, 'status' | 'headers'>,
    isHead: boolean,
  ): Promise<Pick<Answer, 'body' | 'closes'>> {
    const all = (wanted: string) =>
      head.headers.filter(([name]) => name === wanted).map(([, value]) => value);
    const [length, ...lengths] = all('content-length');
    const codings = all('transfer-encoding');
    const closes = all('connection').some((value) => value.toLowerCase() === 'close');
    if (lengths.length > 0) throw new Finding('more than one Content-Length');
    if (length !== undefined && codings.length > 0) throw new Finding('two framings');
    if (length !== undefined && !/^\d+$/.test(length)) throw new Finding(`length ${length}`);
    const { status } = head;
    if (isHead || status < 200 || status === 204 || status === 304) {
      return { body: Buffer.alloc(0), closes };
    }
    if (codings.length > 0) {
      if (codings.join() !== 'chunked') throw new Finding(`Transfer-Encoding ${codings.join()}`);
      return { body: await this.#chunks(), closes };
    }
    if (length !== undefined) return { body: await this.#exactly(Number(length)), closes };
    while (!this.#hasEnded) await this.#more();
    return { body: this.#take(this.#received.length), closes: true };
  }

  async #chunks(): Promise<Buffer> {
    const pieces: Buffer[] = [];
    for (;;) {
      const end = await this.#find('\r\n');
      const line =
        end < 0
          ? ''
          : this.#take(end + 2)
              .toString('latin1')
              .slice(0, -2);
      if (!/^[0-9a-fA-F]+$/.test(line)) throw new Finding(`not a chunk size: ${line}`);
      const size = Number.parseInt(line, 16);
      const chunk = await this.#exactly(size + 2);
      if (!chunk.subarray(size).equals(Buffer.from('\r\n'))) throw new Finding('no end of chunk');
      if (size === 0) return Buffer.concat(pieces);
      pieces.push(chunk.subarray(0, size));
    }
  }

  async #exactly(count: number): Promise<Buffer> {
    while (this.#received.length < count) {
      if (this.#hasEnded) {
        throw new Finding(`the body breaks off at ${this.#received.length} of ${count} bytes`);
      }
      await this.#more();
    }
    return this.#take(count);
  }

  async #find(text: string): Promise<number> {
    for (;;) {
      const at = this.#received.indexOf(text);
      if (at >= 0 || this.#hasEnded) return at;
      await this.#more();
    }
  }

  #take(count: number): Buffer {
    const taken = this.#received.subarray(0, count);
    this.#received = this.#received.subarray(count);
    return taken;
  }

  #end(): void {
    this.#hasEnded = true;
    this.#wake?.();
  }

  #more(): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#wake = undefined;
        const cause = this.#failure === undefined ? '' : ` (${this.#failure.message})`;
        reject(new Finding(`nothing came for ${deadlineMs / 1000} s${cause}`));
      }, deadlineMs);
      this.#wake = () => {
        clearTimeout(timer);
        this.#wake = undefined;
        resolve();
      };
    });
  }
}

export function shown(bytes: Buffer): string {
  return JSON.stringify(bytes.subarray(0, 300).toString('latin1'));
}
