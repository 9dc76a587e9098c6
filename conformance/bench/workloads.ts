/** What is measured. A workload is prepared once per server and measured once per round. */
import { randomBytes } from 'node:crypto';
import { fill, type Measurement, measureLoad, type Pace } from './measure.ts';
import { oneRequest, type RequestPlan } from './requests.ts';
import type { Server } from './servers.ts';
import { diskBytes, meter } from './usage.ts';
import { type Answer, Connection } from './wire.ts';

export interface Scale {
  readonly pace: Pace;
  /** Objects that small reads choose from. */
  readonly smallObjects: number;
  /** Requests made beforehand for work that uses each once. */
  readonly onceRequests: number;
  /** Of the multipart upload, and of the object that ranges are read from. */
  readonly largeBytes: number;
  readonly partBytes: number;
  /** Numbers of keys that are listed. */
  readonly listedKeys: readonly number[];
  /** Numbers of parts that are completed and copied. */
  readonly partCounts: readonly number[];
  readonly connections: readonly number[];
}

export interface Workload {
  readonly name: string;
  readonly connections: readonly number[];
  /** Servers that know S3; a bare one only does single requests on objects. */
  readonly needsS3: boolean;
  prepare(server: Server): Promise<void>;
  measure(server: Server, connections: number, round: number): Promise<Measurement>;
}

export const bucket = 'bench';
const kibibyte = 1024;
const mebibyte = 1024 ** 2;

export const fullScale: Scale = {
  pace: { warmupMs: 1000, durationMs: 5000 },
  smallObjects: 1000,
  onceRequests: 40_000,
  largeBytes: 1024 * mebibyte,
  partBytes: 16 * mebibyte,
  listedKeys: [10_000, 100_000],
  partCounts: [10, 100, 1000, 10_000],
  connections: [1, 8, 32, 256],
};

/** Only to see that everything runs. */
export const tinyScale: Scale = {
  pace: { warmupMs: 0, durationMs: 100 },
  smallObjects: 10,
  onceRequests: 200,
  largeBytes: 12 * mebibyte,
  partBytes: 6 * mebibyte,
  listedKeys: [50],
  partCounts: [3],
  connections: [2],
};

const sizes: readonly (readonly [string, number])[] = [
  ['4k', 4 * kibibyte],
  ['64k', 64 * kibibyte],
  ['1m', mebibyte],
  ['16m', 16 * mebibyte],
];

export function workloads(scale: Scale): Workload[] {
  return [
    ...sizes.flatMap(([name, bytes]) => [put(name, bytes, scale), get(name, bytes, scale)]),
    head(scale),
    remove(scale),
    ranges(scale),
    multipart(scale),
    ...scale.partCounts.flatMap((parts) => [completing(parts), copying(parts)]),
    overwriting(scale),
    ...scale.listedKeys.flatMap((keys) => [
      listing(keys, scale, 'list', ''),
      listing(keys, scale, 'list-delimiter', '&delimiter=%2F'),
    ]),
    diskUse('1', 1, scale),
    diskUse('4k', 4 * kibibyte, scale),
  ];
}

/** A server that does not know buckets answers a PUT of one too. */
export async function makeBucket(server: Server): Promise<void> {
  await expect(server, { method: 'PUT' }, `/${bucket}`, 200);
}

/** They have to be put first, in every round. */
const maxDeletes = 10_000;

const nothing = () => Promise.resolve();

/** Connections that a size is measured with: 256 bodies of 16 MiB are four gigabytes in flight. */
function connectionsFor(bytes: number, { connections }: Scale): number[] {
  return connections.filter((count) => count * bytes <= 512 * mebibyte);
}

/** Small bodies are few bytes per request made beforehand; large ones are stretches of the same bytes. */
function put(name: string, bytes: number, scale: Scale): Workload {
  const few = Math.max(8, Math.floor((64 * mebibyte) / bytes));
  return {
    name: `put-${name}`,
    connections: connectionsFor(bytes, scale),
    needsS3: false,
    prepare: nothing,
    measure: (server, connections, round) => {
      const place = `/${bucket}/put-${name}-${connections}-${round}`;
      const sent = { method: 'PUT', bodyBytes: bytes, status: 200 } as const;
      const keys = Math.min(few * 8, 2 * connections);
      const own = Array.from({ length: keys }, (_, key) => String(key));
      // New keys where they are small. Large ones are written over, which frees their disk, with other bytes: those
      // that are there already would be compared, and not written.
      const plan: RequestPlan =
        bytes > 256 * kibibyte
          ? {
              ...{ ...sent, path: `${place}-{own}`, own, numbers: 2 * keys },
              ...{ order: 'cyclic', bodiesDiffer: true },
            }
          : { ...sent, path: `${place}-{n}`, numbers: scale.onceRequests, order: 'once' };
      return measureLoad(server, plan, connections, scale.pace);
    },
  };
}

function get(name: string, bytes: number, scale: Scale): Workload {
  const path = `/${bucket}/get-${name}-{n}`;
  const numbers = Math.max(4, Math.min(scale.smallObjects, Math.floor((256 * mebibyte) / bytes)));
  return {
    name: `get-${name}`,
    connections: connectionsFor(bytes, scale),
    needsS3: false,
    prepare: (server) =>
      fill(server, { method: 'PUT', path, bodyBytes: bytes, numbers, status: 200 }),
    measure: (server, connections) =>
      measureLoad(
        server,
        { method: 'GET', path, numbers, order: 'random', status: 200 },
        connections,
        scale.pace,
      ),
  };
}

function head(scale: Scale): Workload {
  const path = `/${bucket}/head-{n}`;
  const numbers = scale.smallObjects;
  return {
    name: 'head',
    connections: scale.connections,
    needsS3: false,
    prepare: (server) =>
      fill(server, { method: 'PUT', path, bodyBytes: 100, numbers, status: 200 }),
    measure: (server, connections) =>
      measureLoad(
        server,
        { method: 'HEAD', path, numbers, order: 'random', status: 200 },
        connections,
        scale.pace,
      ),
  };
}

function remove(scale: Scale): Workload {
  return {
    name: 'delete',
    connections: scale.connections,
    needsS3: false,
    prepare: nothing,
    measure: async (server, connections, round) => {
      const path = `/${bucket}/delete-${connections}-${round}-{n}`;
      const numbers = Math.min(scale.onceRequests, maxDeletes);
      await fill(server, { method: 'PUT', path, bodyBytes: 100, numbers, status: 200 });
      return await measureLoad(
        server,
        { method: 'DELETE', path, numbers, order: 'once', status: 204 },
        connections,
        { ...scale.pace, warmupMs: 0 },
      );
    },
  };
}

/** 64 KiB at any multiple of it inside one large object. */
function ranges(scale: Scale): Workload {
  const bytes = 64 * kibibyte;
  const key = 'ranges';
  const { largeBytes, partBytes } = scale;
  return {
    name: 'range-64k',
    connections: scale.connections,
    needsS3: true,
    prepare: async (server) => {
      await uploadInParts(server, key, largeBytes, partBytes, 4);
    },
    measure: (server, connections) =>
      measureLoad(
        server,
        {
          ...{ method: 'GET', path: `/${bucket}/${key}`, status: 206, rangeBytes: bytes },
          ...{ numbers: largeBytes / bytes, order: 'random' },
        },
        connections,
        scale.pace,
      ),
  };
}

interface Upload {
  readonly uploadSeconds: number;
  readonly completeMs: number;
}

async function uploadInParts(
  server: Server,
  key: string,
  bytes: number,
  partBytes: number,
  connections: number,
): Promise<Upload> {
  const place = `/${bucket}/${key}`;
  const created = await expect(server, { method: 'POST' }, `${place}?uploads`, 200);
  const uploadId = /<UploadId>([^<]+)</.exec(created.body?.toString() ?? '')?.[1] ?? '';
  const count = Math.ceil(bytes / partBytes);
  const body = randomBytes(partBytes);
  const requests = Array.from({ length: count }, (_, index) =>
    oneRequest(
      server.target,
      { method: 'PUT' },
      `${place}?partNumber=${index + 1}&uploadId=${encodeURIComponent(uploadId)}`,
      body,
    ),
  );
  const etags: string[] = [];
  let next = 0;
  const beganMs = performance.now();
  await Promise.all(
    Array.from({ length: connections }, async () => {
      const connection = new Connection(server.target.endpoint);
      while (next < count) {
        const index = next++;
        const answer = await connection.exchange(requests[index]!);
        if (answer.status !== 200) throw new Error(`UploadPart: ${answer.headers}`);
        etags[index] = /\r\netag: *([^\r\n]+)/i.exec(answer.headers)?.[1] ?? '';
      }
      connection.close();
    }),
  );
  const uploadSeconds = (performance.now() - beganMs) / 1000;
  const parts = etags.map(
    (etag, index) => `<Part><PartNumber>${index + 1}</PartNumber><ETag>${etag}</ETag></Part>`,
  );
  const document = `<CompleteMultipartUpload>${parts.join('')}</CompleteMultipartUpload>`;
  const completed = await expect(
    server,
    { method: 'POST' },
    `${place}?uploadId=${encodeURIComponent(uploadId)}`,
    200,
    Buffer.from(document),
  );
  return { uploadSeconds, completeMs: completed.ms };
}

function multipart(scale: Scale): Workload {
  const { largeBytes, partBytes } = scale;
  return {
    name: 'multipart',
    connections: [4],
    needsS3: true,
    prepare: nothing,
    measure: async (server, connections) => {
      const stop = server.pids.length === 0 ? undefined : meter(server.pids);
      const upload = await uploadInParts(server, 'multipart', largeBytes, partBytes, connections);
      const usage = stop?.();
      const seconds = upload.uploadSeconds + upload.completeMs / 1000;
      return {
        requests: 1,
        opsPerSecond: 1 / seconds,
        mebibytesPerSecond: largeBytes / mebibyte / seconds,
        ...{ p50: seconds * 1000, p99: seconds * 1000, p999: seconds * 1000, failures: 0 },
        cpuMsPerOp: usage && usage.cpuSeconds * 1000,
        peakMiB: usage?.peakMiB,
        extra: { completeMs: upload.completeMs },
      };
    },
  };
}

/** The parts are copies of one object, so that ten thousand of them take no time to make. */
async function uploadOfCopies(server: Server, key: string, parts: number): Promise<number> {
  const place = `/${bucket}/${key}`;
  const created = await expect(server, { method: 'POST' }, `${place}?uploads`, 200);
  const uploadId = encodeURIComponent(
    /<UploadId>([^<]+)</.exec(created.body?.toString() ?? '')?.[1] ?? '',
  );
  const connection = new Connection(server.target.endpoint);
  const list: string[] = [];
  for (let number = 1; number <= parts; number += 1) {
    const copied = await connection.exchange(
      oneRequest(
        server.target,
        { method: 'PUT', headers: { 'x-amz-copy-source': `/${bucket}/part` } },
        `${place}?partNumber=${number}&uploadId=${uploadId}`,
      ),
    );
    const etag = /<ETag>([^<]+)</.exec(copied.body?.toString() ?? '')?.[1] ?? '';
    if (copied.status !== 200) throw new Error(`UploadPartCopy: ${copied.headers}`);
    list.push(`<Part><PartNumber>${number}</PartNumber><ETag>${etag}</ETag></Part>`);
  }
  connection.close();
  const document = `<CompleteMultipartUpload>${list.join('')}</CompleteMultipartUpload>`;
  const path = `${place}?uploadId=${uploadId}`;
  const body = Buffer.from(document);
  return (await expect(server, { method: 'POST' }, path, 200, body)).ms;
}

async function putPart(server: Server): Promise<void> {
  const body = randomBytes(5 * mebibyte);
  await expect(server, { method: 'PUT' }, `/${bucket}/part`, 200, body);
}

function completing(parts: number): Workload {
  return {
    name: `complete-${parts}`,
    connections: [1],
    needsS3: true,
    prepare: putPart,
    measure: async (server) => single(await uploadOfCopies(server, `completed-${parts}`, parts)),
  };
}

function copying(parts: number): Workload {
  const source = `/${bucket}/copied-${parts}`;
  return {
    name: `copy-${parts}`,
    connections: [1],
    needsS3: true,
    prepare: async (server) => {
      await putPart(server);
      await uploadOfCopies(server, `copied-${parts}`, parts);
    },
    measure: async (server, _connections, round) => {
      const headers = { 'x-amz-copy-source': source };
      const copy = await expect(server, { method: 'PUT', headers }, `${source}-${round}`, 200);
      return single(copy.ms);
    },
  };
}

/** In a versioned bucket: what a version costs that differs in one percent of its bytes. */
function overwriting(scale: Scale): Workload {
  const bytes = Math.min(scale.largeBytes, 256 * mebibyte);
  const changedBytes = Math.ceil(bytes / 100);
  const versioned = `/${bucket}-versioned`;
  let body = Buffer.alloc(0);
  return {
    name: 'overwrite-1-percent',
    connections: [1],
    needsS3: true,
    prepare: async (server) => {
      body = randomBytes(bytes);
      const enabled = Buffer.from(
        '<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>',
      );
      await expect(server, { method: 'PUT' }, versioned, 200);
      await request(server, { method: 'PUT' }, `${versioned}?versioning`, enabled);
      await expect(server, { method: 'PUT' }, `${versioned}/object`, 200, body);
    },
    measure: async (server, _connections, round) => {
      const at = (round * changedBytes) % (bytes - changedBytes);
      randomBytes(changedBytes).copy(body, at);
      const before = server.directory === undefined ? 0 : diskBytes(server.directory);
      const answer = await expect(server, { method: 'PUT' }, `${versioned}/object`, 200, body);
      const grown = server.directory === undefined ? 0 : diskBytes(server.directory) - before;
      return {
        ...single(answer.ms),
        mebibytesPerSecond: bytes / mebibyte / (answer.ms / 1000),
        extra: { grownMiB: grown / mebibyte, changedMiB: changedBytes / mebibyte },
      };
    },
  };
}

function listing(keys: number, scale: Scale, name: string, query: string): Workload {
  const folders = 100;
  const listed = `${bucket}-list-${keys}`;
  return {
    name: `${name}-${keys}`,
    connections: [1, 8].filter((count) => count <= Math.max(...scale.connections)),
    needsS3: true,
    prepare: async (server) => {
      if ((await request(server, { method: 'HEAD' }, `/${listed}`)).status === 200) return;
      await expect(server, { method: 'PUT' }, `/${listed}`, 200);
      await fill(server, {
        ...{ method: 'PUT', path: `/${listed}/{n}/key`, bodyBytes: 1, status: 200 },
        numbers: keys,
      });
    },
    measure: (server, connections, round) => {
      // Pages from the middle: where a listing starts must not matter.
      const after = Math.floor((keys * ((round % folders) + 1)) / (folders + 2));
      return measureLoad(
        server,
        {
          method: 'GET',
          path: `/${listed}?list-type=2&max-keys=1000&start-after=${after}${query}`,
          ...{ numbers: 1, order: 'cyclic', status: 200 },
        },
        connections,
        scale.pace,
      );
    },
  };
}

/** What an object of a size costs on the disk, everything included. */
function diskUse(name: string, bytes: number, scale: Scale): Workload {
  return {
    name: `disk-${name}`,
    connections: [32],
    needsS3: false,
    prepare: nothing,
    measure: async (server, _connections, round) => {
      if (server.directory === undefined) throw new Error('its disk is not known');
      const before = diskBytes(server.directory);
      const beganMs = performance.now();
      const numbers = scale.onceRequests;
      const path = `/${bucket}/disk-${name}-${round}-{n}`;
      await fill(server, { method: 'PUT', path, bodyBytes: bytes, numbers, status: 200 });
      const ms = performance.now() - beganMs;
      const grown = diskBytes(server.directory) - before;
      return {
        ...single(ms / numbers),
        extra: { diskBytesPerObject: grown / numbers, diskPerByte: grown / numbers / bytes },
      };
    },
  };
}

function single(ms: number): Measurement {
  return {
    requests: 1,
    opsPerSecond: 1000 / ms,
    mebibytesPerSecond: 0,
    ...{ p50: ms, p99: ms, p999: ms, failures: 0 },
  };
}

async function request(
  server: Server,
  plan: Pick<RequestPlan, 'method' | 'headers'>,
  path: string,
  body?: Buffer,
): Promise<Answer> {
  const connection = new Connection(server.target.endpoint);
  try {
    return await connection.exchange(oneRequest(server.target, plan, path, body));
  } finally {
    connection.close();
  }
}

/** Throws for an answer with another status. */
export async function expect(
  server: Server,
  plan: Pick<RequestPlan, 'method' | 'headers'>,
  path: string,
  status: number,
  body?: Buffer,
): Promise<Answer> {
  const answer = await request(server, plan, path, body);
  if (answer.status === status) return answer;
  throw new Error(
    `${server.name}: ${plan.method} ${path}: ${answer.headers}\n${answer.body?.toString() ?? ''}`,
  );
}
