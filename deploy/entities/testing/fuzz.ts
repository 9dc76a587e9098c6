/**
 * Requests that are wrong somewhere, against entities as programs: none may end one, make it grow without
 * bound, or be taken for an error of its own. At full size, for each role:
 *   npm run fuzz-entities                                   (100,000 requests, a new seed)
 *   npm run fuzz-entities -- --requests 20000 --seed 7      (again: a finding names its seed)
 */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { parseArgs } from 'node:util';
import { allExchanges, type Exchange } from '../../../blobseer-client/remote/testing/exchanges.ts';
import { defaultArchiveVersion } from '../../../blobseer-client/remote/wire/archive.ts';
import {
  encodeAnswer,
  encodeRequest,
  FrameDecoder,
} from '../../../blobseer-client/remote/wire/frame.ts';
import type { Call } from '../../../blobseer-client/remote/wire/messages.ts';
import {
  nodeStorageCalls,
  pageStorageCalls,
} from '../../../blobseer-client/remote/wire/storage-calls.ts';
import { type EntityRole, entityRoles } from '../settings.ts';
import { Cluster, freePorts, type Program } from './processes.ts';
import { Random } from './random.ts';

export interface FuzzReport {
  readonly role: EntityRole;
  readonly requests: number;
  /** Connections that got at least one answer. */
  readonly answered: number;
  /** Anonymous memory at the end. */
  readonly mebibytes: number;
}

const lanes = 8;
/** What it may hold at the end, after so many requests of a few kilobytes each. */
const maxMebibytes = 400;
/** Of one connection; an entity cuts one that stands still after 30 s. */
const connectionTimeoutMs = 60_000;
const anyFrame = { maxItems: 2 ** 16, maxItemBytes: 2 ** 24, maxBytes: 2 ** 24 };
const services: Readonly<Record<EntityRole, Exchange['service']>> = {
  'version-manager': 'vmanager',
  'provider-manager': 'pmanager',
  'data-provider': 'provider',
  'metadata-provider': 'sdht',
};

/** What the original has no recording of: requests that are right, to be made wrong. */
const beyond: Readonly<Record<EntityRole, readonly Buffer[]>> = {
  'version-manager': [],
  'provider-manager': [],
  'data-provider': [
    requestOf(pageStorageCalls.release, [Buffer.alloc(16, 1), Buffer.alloc(16, 2)]),
    requestOf(pageStorageCalls.releaseWrites, [Buffer.alloc(8, 1)]),
    requestOf(pageStorageCalls.list, { limit: 3, after: undefined }),
    requestOf(pageStorageCalls.list, { limit: 4096, after: Buffer.alloc(16, 1) }),
  ],
  'metadata-provider': [
    requestOf(nodeStorageCalls.release, [Buffer.alloc(16, 1), Buffer.alloc(69, 2)]),
    requestOf(nodeStorageCalls.list, { limit: 3, after: undefined }),
    requestOf(nodeStorageCalls.list, { limit: 4096, after: Buffer.alloc(69, 1) }),
  ],
};
const callNumbers = [0, 1, 2, 3, 4, 5, 6, 7, 1001, 1002, 1010, 1011, 1012, 1020, 1021, 1040];

function requestOf<Request, Answer>(call: Call<Request, Answer>, request: Request): Buffer {
  const parameters = call.encodeRequest(request, defaultArchiveVersion);
  return Buffer.concat(encodeRequest(call.number, parameters));
}

const words = [0, 1, 2, 7, 0x7f, 0xff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];

function changed(random: Random, recorded: readonly Buffer[], items: readonly Buffer[]): Buffer {
  const request = Buffer.from(random.of(recorded));
  const name = random.of(callNumbers);
  switch (random.below(8)) {
    case 0:
      return random.bytes(random.below(200));
    case 1:
      for (let flips = 1 + random.below(6); flips > 0; flips--) {
        request[random.below(request.length)]! ^= 1 << random.below(8);
      }
      return request;
    case 2:
      return request.subarray(0, random.below(request.length));
    case 3:
      // The count of items, or the first one's length.
      request.writeUInt32LE(random.of(words), request.length > 16 && random.below(2) ? 12 : 4);
      return request;
    case 4: {
      const garbage = Array.from({ length: random.below(7) }, () =>
        random.bytes(random.below(120)),
      );
      return Buffer.concat(encodeAnswer(name, 0, garbage));
    }
    case 5: {
      const others = Array.from({ length: random.below(5) }, () => random.of(items));
      return Buffer.concat(encodeAnswer(name, random.below(3), others));
    }
    case 6: {
      // One number of an archive, of four bytes.
      const at = random.below(Math.max(1, request.length - 4));
      if (at + 4 <= request.length) request.writeUInt32LE(random.of(words), at);
      return request;
    }
    default:
      return Buffer.concat([request, random.of(recorded), random.bytes(random.below(40))]);
  }
}

/** Sends, and waits until it is closed. Ports are not used up: every address of loopback has its own. */
function send(port: number, bytes: Buffer, random: Random): Promise<number> {
  const localAddress = `127.0.${1 + random.below(200)}.${1 + random.below(200)}`;
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, localAddress });
    let received = 0;
    let refused: Error | undefined;
    const timer = setTimeout(() => {
      reject(new Error(`not closed: ${bytes.toString('hex')}`));
      socket.destroy();
    }, connectionTimeoutMs);
    socket.on('data', (chunk) => {
      received += chunk.length;
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED') refused = error;
    });
    socket.once('close', () => {
      clearTimeout(timer);
      if (refused === undefined) resolve(received);
      else reject(refused);
    });
    socket.end(bytes);
  });
}

function anonymousMebibytes({ pid }: Program): number {
  const [, kibibytes] = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))!;
  return Math.round(Number(kibibytes) / 1024);
}

export async function fuzzEntity(
  role: EntityRole,
  options: { readonly requests: number; readonly seed: number },
): Promise<FuzzReport> {
  const { requests, seed } = options;
  const own = allExchanges().filter(({ service }) => service === services[role]);
  const recorded = [...own.map(({ request }) => request), ...beyond[role]];
  const items = allExchanges().flatMap(({ request, isMalformed }) =>
    isMalformed ? [] : new FrameDecoder(() => anyFrame).push(request)[0]!.items,
  );
  await using cluster = new Cluster();
  const [port, elsewhere] = await freePorts(2);
  cluster.configure(elsewhere!);
  const program = await cluster.start(role, role, port!);
  let left = requests;
  let answered = 0;
  const lane = async (index: number): Promise<void> => {
    const random = new Random(seed * lanes + index);
    while (left > 0) {
      left--;
      const bytes = changed(random, recorded, items);
      if ((await send(port!, bytes, random)) > 0) answered++;
    }
  };
  try {
    await Promise.all(Array.from({ length: lanes }, (_, index) => lane(index)));
    // It still answers what is right.
    const random = new Random(seed);
    for (const request of recorded) assert.ok((await send(port!, request, random)) >= 12);
    const mebibytes = anonymousMebibytes(program);
    assert.ok(mebibytes <= maxMebibytes, `${mebibytes} MiB`);
    assert.doesNotMatch(program.log(), /"level":"(error|fatal)"/);
    assert.equal(await program.stop(), 0);
    return { role, requests, answered, mebibytes };
  } catch (error) {
    throw new Error(`${role}, seed ${seed}: the log ends: ${program.log().slice(-3000)}`, {
      cause: error,
    });
  }
}

if (process.argv[1] === import.meta.filename) {
  const { values } = parseArgs({
    options: {
      requests: { type: 'string', default: '100000' },
      seed: { type: 'string' },
      role: { type: 'string' },
    },
  });
  const seed = values.seed === undefined ? randomInt(2 ** 24) : Number(values.seed);
  console.log(`seed ${seed}`);
  for (const role of entityRoles.filter(
    (one) => values.role === undefined || one === values.role,
  )) {
    const began = performance.now();
    const report = await fuzzEntity(role, { requests: Number(values.requests), seed });
    const seconds = Math.round((performance.now() - began) / 1000);
    console.log(JSON.stringify({ ...report, seconds }));
  }
}
