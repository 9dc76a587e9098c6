/**
 * One history: a sequence of requests on one connection after another, against buckets of its own.
 * Every answer is judged; a sample of them is held against what must be in the buckets then.
 */

import { edited } from './edits.ts';
import { type Encoded, encode, type Where } from './encode.ts';
import { judge, type Tally } from './judge.ts';
import type { Plan } from './plan.ts';
import { State } from './state.ts';
import { type Answer, Connection, Finding } from './wire.ts';

/** Headers and parameters by which a PutObject stores something else than its body. */
const otherContent =
  /x-amz-copy-source|x-amz-write-offset-bytes|x-amz-content-sha256|transfer|content-encoding/i;

export class History {
  readonly #where: Where;
  readonly #tally: Tally;
  readonly #state: State;
  #connection: Connection | undefined;
  requests = 0;
  /** Puts that were read back, refusals that changed nothing. */
  verified = 0;

  constructor(where: Where, buckets: readonly string[], tally: Tally) {
    this.#where = where;
    this.#tally = tally;
    this.#state = new State(buckets, Date.now());
  }

  async run(plans: readonly Plan[]): Promise<void> {
    try {
      await this.#prepare();
      for (let at = 0; at < plans.length; ) {
        const group = [plans[at] as Plan];
        while (
          group.at(-1)?.wire.kind === 'pipelined' &&
          plans[at + group.length]?.wire.kind === 'pipelined'
        ) {
          group.push(plans[at + group.length] as Plan);
        }
        await this.#step(group);
        at += group.length;
      }
    } finally {
      this.#connection?.close();
    }
  }

  /** Something to find: a bucket without and one with versions, objects, an open upload. */
  async #prepare(): Promise<void> {
    const setUp: readonly (readonly [string, string, string?])[] = [
      ['PUT', '/{b0}'],
      ['PUT', '/{b1}'],
      [
        'PUT',
        '/{b1}?versioning',
        '<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>',
      ],
      ['PUT', '/{b0}/k', 'hello'],
      ['PUT', '/{b1}/k', 'hello'],
      ['PUT', '/{b1}/a/b', 'hello'],
      ['POST', '/{b1}/k?uploads'],
    ];
    for (const [method, target, text = ''] of setUp) {
      const answer = await this.#simple(method, target, text);
      if (answer.status !== 200) throw new Finding(`${method} ${target}: ${answer.status}`);
    }
  }

  async #step(group: readonly Plan[]): Promise<void> {
    this.requests += group.length;
    const [plan] = group as [Plan];
    if (plan.checked && group.length === 1) {
      await this.#checkedStep(plan);
      return;
    }
    const encoded = group.map((each) => encode(each, this.#state, this.#where));
    if (group.length > 1) await this.#pipelined(group, encoded);
    else await this.#one(plan, encoded[0] as Encoded);
  }

  async #one(plan: Plan, encoded: Encoded): Promise<Answer | undefined> {
    const { wire } = plan;
    switch (wire.kind) {
      case 'mangled':
        return this.#mangled(encoded, wire.edits);
      case 'aborted':
        return this.#aborted(encoded, wire.at);
      case 'expect':
        return this.#expecting(plan, encoded);
      case 'split': {
        const whole = Buffer.concat([encoded.head, encoded.body]);
        const at = Math.floor(wire.at * whole.length);
        const connection = await this.#connected();
        connection.write(whole.subarray(0, at));
        // Its own packet most of the time: a turn of the loop lies between the two writes.
        await new Promise(setImmediate);
        connection.write(whole.subarray(at));
        return this.#answer(plan, encoded);
      }
      default: {
        const connection = await this.#connected();
        connection.write(Buffer.concat([encoded.head, encoded.body]));
        return this.#answer(plan, encoded);
      }
    }
  }

  async #answer(plan: Plan, encoded: Encoded): Promise<Answer> {
    const connection = await this.#connected();
    const isHead = encoded.method === 'HEAD';
    const answer = await connection.answer(isHead);
    if (answer === undefined) throw new Finding('the connection ended without an answer');
    await this.#received(answer, isHead, plan.wire.kind === 'pipelined');
    this.#state.learn({ call: plan.call, path: encoded.path, query: encoded.query }, answer);
    return answer;
  }

  /** `isAmong` others: of what the HTTP parser refuses there, nobody can tell that it was a HEAD. */
  async #received(answer: Answer, isHead: boolean, isAmong = false): Promise<void> {
    judge(answer, isHead, this.#tally);
    if (!answer.closes) return;
    // A body that was never sent would be waited for.
    this.#connection?.halfClose();
    await this.#connection?.closed(isHead && isAmong);
    this.#connection = undefined;
  }

  async #pipelined(group: readonly Plan[], encoded: readonly Encoded[]): Promise<void> {
    const connection = await this.#connected();
    connection.write(Buffer.concat(encoded.flatMap(({ head, body }) => [head, body])));
    for (const [index, each] of encoded.entries()) {
      await this.#answer(group[index] as Plan, each);
      // What stands behind a request after which the server closes was never read.
      if (this.#connection === undefined) return;
    }
  }

  async #expecting(plan: Plan, encoded: Encoded): Promise<Answer> {
    const connection = await this.#connected();
    connection.write(encoded.head);
    const isHead = encoded.method === 'HEAD';
    const first = await connection.interimOrFinal(isHead);
    if (first === undefined) throw new Finding('the connection ended without an answer');
    if (first.status === 100) {
      connection.write(encoded.body);
      return this.#answer(plan, encoded);
    }
    await this.#received(first, isHead);
    // It keeps the connection: it counts on the body, or on there being none.
    if (this.#connection !== undefined) this.#connection.write(encoded.body);
    return first;
  }

  /** Whatever it means now: there may be no answer or several, each of them whole, and then an end. */
  async #mangled(encoded: Encoded, edits: Parameters<typeof edited>[1]): Promise<undefined> {
    const connection = await Connection.open(this.#where.port);
    try {
      const whole = Buffer.concat([encoded.head, encoded.body]).toString('latin1');
      // The answer to a HEAD could not be told from that to what an edit made of it.
      const text = edited(whole.replace(/^HEAD /, 'GET '), edits);
      connection.write(Buffer.from(text, 'latin1'));
      connection.halfClose();
      for (;;) {
        const answer = await connection.answer(false);
        if (answer === undefined) break;
        judge(answer, false, this.#tally);
      }
      await connection.closed();
    } finally {
      connection.close();
    }
  }

  async #aborted(encoded: Encoded, at: number): Promise<undefined> {
    const connection = await Connection.open(this.#where.port);
    const whole = Buffer.concat([encoded.head, encoded.body]);
    connection.write(whole.subarray(0, Math.floor(at * whole.length)));
    await new Promise(setImmediate);
    connection.close();
  }

  /** A 4xx leaves the bucket as it was; what a PutObject stored reads back. */
  async #checkedStep(plan: Plan): Promise<void> {
    const encoded = encode(plan, this.#state, this.#where);
    const bucket = this.#state.buckets.find((name) => encoded.path.includes(name)) ?? '{b0}';
    const before = await this.#contents(bucket);
    const answer = await this.#one(plan, encoded);
    if (answer === undefined) return;
    if (answer.status >= 400) {
      const after = await this.#contents(bucket);
      if (before !== after) {
        throw new Finding(`${answer.status} and a change: ${before}\nbecame ${after}`);
      }
      this.verified += 1;
    } else if (answer.status === 200 && isPlainPut(plan, encoded)) {
      await this.#readBack(encoded, answer);
    }
  }

  async #readBack(encoded: Encoded, put: Answer): Promise<void> {
    const version = put.headers.find(([name]) => name === 'x-amz-version-id')?.[1];
    const target = version === undefined ? encoded.path : `${encoded.path}?versionId=${version}`;
    const answer = await this.#simple('GET', target, '');
    if (answer.status !== 200 || !answer.body.equals(encoded.content)) {
      throw new Finding(
        `PUT ${encoded.path} reads back as ${answer.status}, ${answer.body.length} bytes`,
      );
    }
    this.verified += 1;
  }

  /** All versions, uploads and settings of a bucket, as one text. */
  async #contents(bucket: string): Promise<string> {
    const texts: string[] = [];
    for (const list of ['versions', 'uploads', 'versioning', 'acl', 'tagging', 'cors']) {
      const { body } = await this.#simple('GET', `/${bucket}?${list}`, '');
      texts.push(body.toString('utf8').replace(/<(RequestId|HostId)>[^<]*/g, ''));
    }
    return texts.join('\n');
  }

  /** A request of the root user that is as it should be. */
  async #simple(method: string, target: string, text: string): Promise<Answer> {
    const [path = '', query = ''] = target.split('?');
    const plan: Plan = {
      call: method === 'POST' ? 'CreateMultipartUpload' : method,
      method,
      path,
      query: query === '' ? [] : query.split('&').map((pair) => pairOf(pair)),
      headers: [],
      body: text === '' ? { kind: 'none' } : { kind: 'document', text, edits: [] },
      auth: 'v4',
      payload: 'hashed',
      framing: { kind: 'length' },
      wire: { kind: 'whole' },
      virtualHost: false,
      changed: false,
      checked: false,
    };
    const encoded = encode(plan, this.#state, this.#where);
    return (await this.#one(plan, encoded)) as Answer;
  }

  async #connected(): Promise<Connection> {
    const { port } = this.#where;
    this.#connection ??= await Connection.open(port);
    return this.#connection;
  }
}

function pairOf(pair: string): Plan['query'][number] {
  const [name = '', value] = pair.split('=');
  return [name, value];
}

/** Of the root user: what others may write to a public bucket, it may not read. */
function isPlainPut(plan: Plan, { query }: Encoded): boolean {
  if (plan.auth === 'anonymous' || plan.auth === 'other-user') return false;
  if (plan.call !== 'PutObject' || plan.method !== 'PUT') return false;
  if (plan.virtualHost || (plan.framing.kind === 'aws-chunked' && plan.changed)) return false;
  if (plan.query.length > 0 || /copy-source|write-offset/i.test(query)) return false;
  return !plan.headers.some(([name]) => otherContent.test(name));
}
