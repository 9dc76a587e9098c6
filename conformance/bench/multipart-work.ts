/** Large objects: uploads in parts, completing and copying many of them, overwriting a few pages. */
import { randomBytes } from 'node:crypto';
import { oneRequest } from './requests.ts';
import type { Server } from './servers.ts';
import { settled } from './settled.ts';
import { diskBytes } from './usage.ts';
import { Connection } from './wire.ts';
import {
  bucket,
  enableVersions,
  expect,
  kibibyte,
  knowsS3,
  makeBucket,
  measureOne,
  mebibyte,
  type Scale,
  type Workload,
} from './workload.ts';

/** Of an upload in parts. */
export const uploadConnections = 4;

const nothing = () => Promise.resolve();

interface Upload {
  readonly uploadSeconds: number;
  readonly completeMs: number;
}

export async function uploadInParts(
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

/** `whole` puts objects as large as a part. They are compared in one turn: minutes later a machine may be another. */
export function multipart(scale: Scale, whole: Workload): Workload {
  const { largeBytes: bytes, partBytes } = scale;
  return {
    name: 'multipart',
    connections: [uploadConnections],
    suits: knowsS3,
    prepare: nothing,
    measure: async (server, turn) => {
      const { mebibytesPerSecond: putMiBps, firstFailure } = await whole.measure(server, turn);
      if (firstFailure !== undefined) throw new Error(`PUT of a part's size: ${firstFailure}`);
      if (scale.settles) await settled();
      return await measureOne(server, async () => {
        const upload = await uploadInParts(server, 'multipart', bytes, partBytes, turn.connections);
        const { uploadSeconds, completeMs } = upload;
        const ms = uploadSeconds * 1000 + completeMs;
        const uploadMiBps = bytes / mebibyte / (ms / 1000);
        return { ms, bytes, extra: { completeMs, uploadMiBps, putMiBps } };
      });
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

export function completing(parts: number): Workload {
  const key = `completed-${parts}`;
  return {
    name: `complete-${parts}`,
    connections: [1],
    suits: knowsS3,
    prepare: putPart,
    measure: (server) =>
      measureOne(server, async () => ({ ms: await uploadOfCopies(server, key, parts) })),
  };
}

export function copying(parts: number): Workload {
  const source = `/${bucket}/copied-${parts}`;
  const headers = { 'x-amz-copy-source': source };
  return {
    name: `copy-${parts}`,
    connections: [1],
    suits: knowsS3,
    prepare: async (server) => {
      await putPart(server);
      await uploadOfCopies(server, `copied-${parts}`, parts);
    },
    measure: (server, { round }) =>
      measureOne(server, () =>
        expect(server, { method: 'PUT', headers }, `${source}-${round}`, 200),
      ),
  };
}

/** Pages of objects of the size that is overwritten below. */
const pageBytes = 256 * kibibyte;
/** Files grow in steps (LMDB's by a quarter of a MiB): what one version costs is the mean of several. */
const overwrites = 8;

/** In a versioned bucket: what a version costs that differs in one percent of its bytes. */
export function overwriting(scale: Scale): Workload {
  const bytes = Math.min(scale.largeBytes, 256 * mebibyte);
  const changedBytes = Math.ceil(bytes / 100);
  const name = `${bucket}-versioned`;
  const place = `/${name}/object`;
  /** What each server has, by its name. */
  const bodies = new Map<string, Buffer>();
  return {
    name: 'overwrite-1-percent',
    connections: [1],
    suits: (server) => server.hasVersions && server.directory !== undefined,
    isCold: true,
    prepare: async (server) => {
      const body = randomBytes(bytes);
      bodies.set(server.name, body);
      await makeBucket(server, name);
      await enableVersions(server, name);
      await expect(server, { method: 'PUT' }, place, 200, body);
    },
    measure: (server, { round }) =>
      measureOne(server, async () => {
        const body = bodies.get(server.name) ?? Buffer.alloc(bytes);
        const before = diskBytes(server.directory ?? '');
        let totalMs = 0;
        let pages = 0;
        for (let number = 0; number < overwrites; number += 1) {
          const at = ((round * overwrites + number) * changedBytes) % (bytes - changedBytes);
          randomBytes(changedBytes).copy(body, at);
          totalMs += (await expect(server, { method: 'PUT' }, place, 200, body)).ms;
          pages += pagesTouched(at, changedBytes);
        }
        const grown = diskBytes(server.directory ?? '') - before;
        const extra = {
          grownMiB: grown / overwrites / mebibyte,
          changedMiB: (pages * pageBytes) / overwrites / mebibyte,
        };
        return { ms: totalMs / overwrites, operations: overwrites, bytes, extra };
      }),
  };
}

/** Of a change anywhere: its first and last page count whole. */
export function pagesTouched(at: number, length: number): number {
  return Math.floor((at + length - 1) / pageBytes) - Math.floor(at / pageBytes) + 1;
}
