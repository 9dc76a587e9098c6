/** Requests as bytes, signed before the clock runs. */
import { randomBytes } from 'node:crypto';
import { type Endpoint, signedHeaders, unsignedPayload } from '../harness/http.ts';
import type { Exchange } from './wire.ts';

/**
 * What a workload sends, again and again. `{n}` in path and query stands for a number in eight digits, so
 * that keys are in the order of their numbers, `{number}` for the number without zeros in front.
 */
export interface RequestPlan {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE';
  /** Path and query, percent-encoded. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Length of the body, of random bytes. */
  readonly bodyBytes?: number;
  /** Different bodies, taken in turns by the requests of one number; one by default. */
  readonly bodies?: number;
  /** Each request reads one piece of so many bytes: the number says which. */
  readonly rangeBytes?: number;
  /** How many numbers there are, from `first` (default 0) on. */
  readonly numbers: number;
  readonly first?: number;
  /** From one number to the next; 1 by default. */
  readonly stride?: number;
  /**
   * 'once': each number is used once, and the work is over when none is left. 'own': so too, but the n-th of C
   * connections takes the n-th number and every C-th after it.
   */
  readonly order: 'cyclic' | 'random' | 'once' | 'own';
  /** What `{own}` in the path stands for, number by number in turns. */
  readonly own?: readonly string[];
  /** No two numbers have a page in common: what is stored already would not be stored again. */
  readonly bodiesDiffer?: boolean;
  readonly status: number;
}

const digits = 8;

/** Every number with the first body, then every number with the next. A signature is good for 15 minutes: no run of one plan takes as long. */
export function makeRequests(target: Endpoint, plan: RequestPlan): Exchange[] {
  const { bodyBytes = 0, bodies = 1, first = 0, stride = 1, numbers, bodiesDiffer = false } = plan;
  const heads = Array.from({ length: numbers }, (_, index) => {
    const number = first + index * stride;
    const own = plan.own?.[index % plan.own.length] ?? '';
    const path = plan.path
      .replaceAll('{n}', String(number).padStart(digits, '0'))
      .replaceAll('{number}', String(number))
      .replaceAll('{own}', own);
    const headers = headersOf(plan, number);
    return requestHead(target, { ...plan, headers }, path, bodyBytes);
  });
  // Bodies that differ are pieces of the same random bytes, each beginning one further on.
  const random = randomBytes(bodyBytes + bodies * (bodiesDiffer ? numbers : 1));
  const bodyOf = (round: number, index: number): Buffer[] => {
    const start = bodiesDiffer ? round * numbers + index : round;
    return bodyBytes === 0 ? [] : [random.subarray(start, start + bodyBytes)];
  };
  const isHead = plan.method === 'HEAD';
  return Array.from({ length: bodies }, (_, round) =>
    heads.map((head, index) => ({ pieces: [head, ...bodyOf(round, index)], isHead })),
  ).flat();
}

function headersOf({ headers = {}, rangeBytes }: RequestPlan, number: number) {
  if (rangeBytes === undefined) return headers;
  const start = number * rangeBytes;
  return { ...headers, Range: `bytes=${start}-${start + rangeBytes - 1}` };
}

export function requestHead(
  target: Endpoint,
  { method, headers = {} }: Pick<RequestPlan, 'method' | 'headers'>,
  path: string,
  bodyBytes: number,
): Buffer {
  const signed = signedHeaders(target, {
    method,
    path,
    headers:
      method === 'PUT' || method === 'POST'
        ? { ...headers, 'Content-Length': String(bodyBytes) }
        : headers,
    contentSha256: unsignedPayload,
  });
  const lines = Object.entries(signed).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`, 'latin1');
}

/** An exchange whose answer is looked at. */
export function oneRequest(
  target: Endpoint,
  plan: Pick<RequestPlan, 'method' | 'headers'>,
  path: string,
  body: Buffer = Buffer.alloc(0),
): Exchange {
  const head = requestHead(target, plan, path, body.length);
  return {
    pieces: body.length === 0 ? [head] : [head, body],
    isHead: plan.method === 'HEAD',
    keepBody: true,
  };
}
