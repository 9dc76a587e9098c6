/** Requests on single objects: PUT, GET, HEAD, DELETE, ranges, and what an object takes of the disk. */
import { fill, measureLoad } from './measure.ts';
import { uploadConnections, uploadInParts } from './multipart-work.ts';
import type { RequestPlan } from './requests.ts';
import { diskBytes } from './usage.ts';
import {
  bucket,
  kibibyte,
  knowsS3,
  measureOne,
  mebibyte,
  type Scale,
  type Turn,
  type Workload,
} from './workload.ts';

/** Bodies from this size on are written over, which frees their disk; smaller ones are new keys. */
const rewrittenFromBytes = 256 * kibibyte;
/** Of what a server does in its time, so that one that gets faster has enough to do. */
const spare = 1.4;
/** Each takes some 700 bytes and 50 microseconds to make. */
const maxOnceRequests = 250_000;
/** They have to be put first, in every round. */
const maxDeletes = 100_000;
/** While the rate is not known. */
const firstDeletes = 4000;

const nothing = () => Promise.resolve();

/** Requests that are enough for a whole turn, each used once. */
function onceRequests({ pace, onceRequests }: Scale, { rate }: Turn, atMost: number): number {
  if (rate === undefined) return Math.min(onceRequests, atMost);
  const seconds = (pace.warmupMs + pace.durationMs) / 1000;
  return Math.min(Math.ceil(rate * seconds * spare), atMost);
}

/** Connections that a size is measured with: 256 bodies of 16 MiB are four gigabytes in flight. */
function connectionsFor(bytes: number, { connections }: Scale): number[] {
  return connections.filter((count) => count * bytes <= 512 * mebibyte);
}

export function put(name: string, bytes: number, scale: Scale): Workload {
  return {
    name: `put-${name}`,
    connections: connectionsFor(bytes, scale),
    prepare: nothing,
    measure: (server, turn) => {
      const { connections, round } = turn;
      const path = `/${bucket}/put-${name}-${connections}-${round}-{n}`;
      const isLarge = bytes > rewrittenFromBytes;
      const plan: RequestPlan = {
        ...{ method: 'PUT', path, bodyBytes: bytes, status: 200 },
        order: isLarge ? 'cyclic' : 'once',
        numbers: isLarge ? 2 * connections : onceRequests(scale, turn, maxOnceRequests),
        // What a key is written over with differs from what it has: there is nothing to share.
        bodies: isLarge ? 3 : 1,
      };
      return measureLoad(server, plan, connections, scale.pace);
    },
  };
}

export function get(name: string, bytes: number, scale: Scale): Workload {
  const path = `/${bucket}/get-${name}-{n}`;
  const numbers = Math.max(4, Math.min(scale.smallObjects, Math.floor((256 * mebibyte) / bytes)));
  return reading(
    `get-${name}`,
    'GET',
    { path, bytes, numbers },
    connectionsFor(bytes, scale),
    scale,
  );
}

export function head(scale: Scale): Workload {
  const objects = { path: `/${bucket}/head-{n}`, bytes: 100, numbers: scale.smallObjects };
  return reading('head', 'HEAD', objects, scale.connections, scale);
}

function reading(
  name: string,
  method: 'GET' | 'HEAD',
  {
    path,
    bytes,
    numbers,
  }: { readonly path: string; readonly bytes: number; readonly numbers: number },
  connections: readonly number[],
  scale: Scale,
): Workload {
  return {
    name,
    connections,
    prepare: (server) =>
      fill(server, { method: 'PUT', path, bodyBytes: bytes, numbers, status: 200 }),
    measure: (server, turn) =>
      measureLoad(
        server,
        { method, path, numbers, order: 'random', status: 200 },
        turn.connections,
        scale.pace,
      ),
  };
}

export function remove(scale: Scale): Workload {
  const pace = { ...scale.pace, warmupMs: 0 };
  return {
    name: 'delete',
    connections: scale.connections,
    prepare: nothing,
    measure: async (server, turn) => {
      const { connections, round, rate } = turn;
      const path = `/${bucket}/delete-${connections}-${round}-{n}`;
      const most = rate === undefined ? firstDeletes : maxDeletes;
      const numbers = onceRequests({ ...scale, pace }, turn, most);
      await fill(server, { method: 'PUT', path, bodyBytes: 100, numbers, status: 200 });
      const plan: RequestPlan = { method: 'DELETE', path, numbers, order: 'once', status: 204 };
      return await measureLoad(server, plan, connections, pace);
    },
  };
}

/** 64 KiB at any multiple of it inside one large object. */
export function ranges(scale: Scale): Workload {
  const bytes = 64 * kibibyte;
  const key = 'ranges';
  const { largeBytes, partBytes } = scale;
  return {
    name: 'range-64k',
    connections: scale.connections,
    suits: knowsS3,
    prepare: async (server) => {
      await uploadInParts(server, key, largeBytes, partBytes, uploadConnections);
    },
    measure: (server, { connections }) =>
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

/** What an object of a size costs on the disk, everything included. */
export function diskUse(name: string, bytes: number, scale: Scale): Workload {
  return {
    name: `disk-${name}`,
    connections: [32],
    isCold: true,
    suits: (server) => server.directory !== undefined,
    prepare: nothing,
    measure: (server, { round }) =>
      measureOne(server, async () => {
        const before = diskBytes(server.directory ?? '');
        const beganMs = performance.now();
        const numbers = scale.onceRequests;
        const path = `/${bucket}/disk-${name}-${round}-{n}`;
        await fill(server, { method: 'PUT', path, bodyBytes: bytes, numbers, status: 200 });
        const ms = (performance.now() - beganMs) / numbers;
        const grown = (diskBytes(server.directory ?? '') - before) / numbers;
        return { ms, extra: { diskBytesPerObject: grown, diskPerByte: grown / bytes } };
      }),
  };
}
