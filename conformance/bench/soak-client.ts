/** Requests of a mixed load over some connections: answers are judged, counted and timed by kind of work. */
import type { Endpoint } from '../harness/http.ts';
import { Histogram } from './histogram.ts';
import { type RequestPlan, requestHead } from './requests.ts';
import { ExpectedBody } from './soak-bodies.ts';
import { type Answer, Connection } from './wire.ts';

/** What was done of one kind since the last look. */
export interface KindWindow {
  readonly count: number;
  readonly failures: number;
  /** Milliseconds of single requests; 0 where there was none. */
  readonly p50: number;
  readonly p99: number;
}

interface Counted {
  readonly latencies: Histogram;
  failures: number;
}

interface Sent {
  readonly headers?: Readonly<Record<string, string>>;
  /** In pieces. */
  readonly body?: readonly Buffer[];
  /** The answer's body, in pieces, which is not kept then. */
  readonly expected?: readonly Buffer[];
}

const shownFailures = 20;

export class SoakClient {
  readonly #target: Endpoint;
  readonly #idle: Connection[] = [];
  #window = new Map<string, Counted>();
  #failures = 0;
  /** The first of all failures, in words. */
  readonly failureTexts: string[] = [];

  constructor(target: Endpoint) {
    this.#target = target;
  }

  get failures(): number {
    return this.#failures;
  }

  /** Throws for an answer with another status or body, and where the connection breaks. */
  async send(
    kind: string,
    method: RequestPlan['method'],
    path: string,
    status: number,
    { headers = {}, body = [], expected }: Sent = {},
  ): Promise<Answer> {
    const bodyBytes = body.reduce((sum, { length }) => sum + length, 0);
    const head = requestHead(this.#target, { method, headers }, path, bodyBytes);
    const compared = expected && new ExpectedBody(expected);
    const connection = this.#idle.pop() ?? new Connection(this.#target.endpoint);
    const answer = await connection
      .exchange({
        pieces: [head, ...body],
        isHead: method === 'HEAD',
        ...(compared === undefined
          ? { keepBody: true }
          : { take: (piece) => compared.take(piece) }),
      })
      .finally(() => this.#idle.push(connection));
    if (answer.status !== status) {
      const said = answer.body?.toString('utf8', 0, 500) ?? '';
      throw new Error(`${method} ${path}: not ${status} but ${answer.headers}\n${said}`);
    }
    const difference = compared?.difference();
    if (difference !== undefined) throw new Error(`${method} ${path}: ${difference}`);
    this.#counted(kind).latencies.record(answer.ms);
    return answer;
  }

  fail(kind: string, error: unknown): void {
    this.#failures += 1;
    this.#counted(kind).failures += 1;
    if (this.failureTexts.length < shownFailures) this.failureTexts.push(`${kind}: ${error}`);
  }

  /** What was done since the last call, by kind. */
  takeWindow(): Record<string, KindWindow> {
    const window = [...this.#window].map(([kind, { latencies, failures }]) => [
      kind,
      {
        ...{ count: latencies.count, failures },
        ...{ p50: latencies.percentileMs(0.5), p99: latencies.percentileMs(0.99) },
      },
    ]);
    this.#window = new Map();
    return Object.fromEntries(window) as Record<string, KindWindow>;
  }

  close(): void {
    for (const connection of this.#idle) connection.close();
  }

  #counted(kind: string): Counted {
    const found = this.#window.get(kind) ?? { latencies: new Histogram(), failures: 0 };
    this.#window.set(kind, found);
    return found;
  }
}

/** The value of a header; throws where there is none. */
export function headerOf({ headers }: Answer, name: string): string {
  const found = new RegExp(`\\r\\n${name}: *([^\\r\\n]*)`, 'i').exec(headers)?.[1];
  if (found === undefined) throw new Error(`no ${name} in ${headers}`);
  return found;
}
