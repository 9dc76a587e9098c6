/** Requests as bytes, signed before the clock runs. */
import { randomBytes } from 'node:crypto';
import { type Endpoint, signedHeaders, unsignedPayload } from '../harness/http.ts';
import type { Exchange } from './wire.ts';

/** What a workload sends, again and again. `{n}` in path and query stands for a number. */
export interface RequestPlan {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE';
  /** Path and query, percent-encoded. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Length of the body, of random bytes. */
  readonly bodyBytes?: number;
  /** Each request reads one piece of so many bytes: the number says which. */
  readonly rangeBytes?: number;
  /** How many numbers there are, from `first` (default 0) on. */
  readonly numbers: number;
  readonly first?: number;
  /**
   * 'once': each number is used once, and the work is over when none is left. 'own': so too, but the n-th of C
   * connections takes the n-th number and every C-th after it.
   */
  readonly order: 'cyclic' | 'random' | 'once' | 'own';
  /** What `{own}` in the path stands for, number by number in turns. */
  readonly own?: readonly string[];
  /** No two requests have a page in common: what is stored already would not be stored again. */
  readonly bodiesDiffer?: boolean;
  readonly status: number;
}

/** A signature is good for 15 minutes: no run of one plan takes as long. */
export function makeRequests(target: Endpoint, plan: RequestPlan): Exchange[] {
  const bodyBytes = plan.bodyBytes ?? 0;
  // Bodies that differ are pieces of the same random bytes, each beginning one further on.
  const random = randomBytes(bodyBytes + (plan.bodiesDiffer === true ? plan.numbers : 0));
  const bodyOf = (index: number): Buffer[] => {
    const start = plan.bodiesDiffer === true ? index : 0;
    return bodyBytes === 0 ? [] : [random.subarray(start, start + bodyBytes)];
  };
  const exchanges: Exchange[] = [];
  const first = plan.first ?? 0;
  for (let number = first; number < first + plan.numbers; number += 1) {
    const index = number - first;
    const own = plan.own?.[index % plan.own.length] ?? '';
    const path = plan.path.replaceAll('{n}', String(number)).replaceAll('{own}', own);
    const head = requestHead(
      target,
      { ...plan, headers: headersOf(plan, number) },
      path,
      bodyBytes,
    );
    exchanges.push({ pieces: [head, ...bodyOf(index)], isHead: plan.method === 'HEAD' });
  }
  return exchanges;
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
