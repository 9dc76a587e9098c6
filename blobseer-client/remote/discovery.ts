/**
 * Which hosts are entities of ours. Each is asked once, by a call that the original's programs do not
 * know: they drop the connection.
 */
import type { Connection } from './connection.ts';
import { type Address, addressText } from './remote-error.ts';
import { encodeRequest } from './wire/frame.ts';
import { entityCalls, extensionVersion, status } from './wire/messages.ts';

export interface DiscoveryOptions {
  readonly open: (address: Address) => Connection;
  readonly deadlineMs: number;
}

interface Question {
  readonly answer: Promise<boolean>;
  /** Without an answer. */
  end(): void;
}

/** More hosts than any deployment has. */
const maxHosts = 8192;

export class Discovery {
  readonly #options: DiscoveryOptions;
  readonly #known = new Map<string, boolean>();
  readonly #asked = new Map<string, Question>();

  constructor(options: DiscoveryOptions) {
    this.#options = options;
  }

  /** Undefined while nobody knows. */
  known(address: Address): boolean | undefined {
    return this.#known.get(addressText(address));
  }

  /** Rejects with RemoteError where the host cannot be asked; the next time it is asked again. */
  async isEntity(address: Address): Promise<boolean> {
    const name = addressText(address);
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const asked = this.#asked.get(name);
    if (asked !== undefined) return asked.answer;
    const question = this.#ask(address);
    this.#asked.set(name, question);
    try {
      const answer = await question.answer;
      // Unless it was forgotten meanwhile.
      if (this.#asked.get(name) === question) {
        if (this.#known.size >= maxHosts) this.#known.clear();
        this.#known.set(name, answer);
      }
      return answer;
    } finally {
      if (this.#asked.get(name) === question) this.#asked.delete(name);
    }
  }

  /** Another program may be there from now on. */
  forget(address: Address): void {
    const name = addressText(address);
    this.#known.delete(name);
    this.#asked.delete(name);
  }

  close(): void {
    for (const question of this.#asked.values()) question.end();
  }

  #ask(address: Address): Question {
    const connection = this.#options.open(address);
    let isEnded = false;
    const end = () => {
      isEnded = true;
      connection.reset();
    };
    const answer = async (): Promise<boolean> => {
      const timer = setTimeout(end, this.#options.deadlineMs);
      try {
        return await isGreeted(connection);
      } catch (error) {
        // Ended by the other side: one of the original's programs.
        if (connection.isConnected && !isEnded) return false;
        throw error;
      } finally {
        clearTimeout(timer);
        connection.reset();
      }
    };
    return { answer: answer(), end };
  }
}

async function isGreeted(connection: Connection): Promise<boolean> {
  const { hello } = entityCalls;
  const frame = await connection.exchange({
    callName: hello.name,
    number: hello.number,
    buffers: encodeRequest(hello.number, hello.encodeRequest(extensionVersion, 0)),
    answerLimits: hello.answerLimits(extensionVersion),
  });
  if (frame.status !== status.ok) return false;
  hello.decodeAnswer(frame.items, extensionVersion);
  return true;
}
