/**
 * Memory under many large uploads at once: RssAnon of the serving process is sampled while N uploads
 * of M MiB run through it (I6). By hand at full size:
 *   node dist/conformance/durability/memory.js --uploads 64 --mebibytes 256
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import { Gateway } from '../harness/gateway.ts';
import { send } from '../harness/http.ts';
import { anonymousBytes } from '../harness/processes.ts';

export interface MemoryOptions {
  readonly uploads: number;
  readonly mebibytes: number;
}

export interface MemoryReport {
  readonly idleMiB: number;
  readonly peakMiB: number;
  readonly seconds: number;
}

const mebibyte = 1024 * 1024;
const bucket = 'memory';
const samplePeriodMs = 50;

/** Anonymous memory that one process may take, whatever is uploaded (ARCHITECTURE.md, I6). */
export const budgetMiB = 256;

export async function memoryOfUploads(options: MemoryOptions): Promise<MemoryReport> {
  const gateway = await Gateway.start({ workers: 1 });
  const target = {
    endpoint: gateway.endpoint,
    credentials: gateway.credentials,
    region: 'us-east-1',
  };
  try {
    assert.equal((await send(target, { method: 'PUT', path: `/${bucket}` })).status, 200);
    const anonymous = () => Math.max(...[gateway.pid, ...gateway.workers()].map(anonymousBytes));
    const idle = anonymous();
    let peak = idle;
    const sampling = setInterval(() => {
      peak = Math.max(peak, anonymous());
    }, samplePeriodMs);
    const began = performance.now();
    const uploads = Array.from({ length: options.uploads }, (_, index) =>
      send(target, {
        method: 'PUT',
        path: `/${bucket}/upload-${index}`,
        headers: { 'Content-Length': String(options.mebibytes * mebibyte) },
        contentSha256: 'UNSIGNED-PAYLOAD',
        stream: body(options.mebibytes),
        timeoutMs: 0,
      }),
    );
    for (const answer of await Promise.all(uploads)) assert.equal(answer.status, 200, answer.text);
    const seconds = (performance.now() - began) / 1000;
    clearInterval(sampling);
    const inMiB = (bytes: number) => Math.round(bytes / mebibyte);
    return { idleMiB: inMiB(idle), peakMiB: inMiB(peak), seconds: Math.round(seconds * 10) / 10 };
  } finally {
    await gateway.remove();
  }
}

async function* body(mebibytes: number): AsyncGenerator<Buffer> {
  const piece = randomBytes(mebibyte);
  for (let sent = 0; sent < mebibytes; sent += 1) yield piece;
}

if (process.argv[1] === import.meta.filename) {
  const { values } = parseArgs({
    options: {
      uploads: { type: 'string', default: '64' },
      mebibytes: { type: 'string', default: '256' },
    },
  });
  const report = await memoryOfUploads({
    uploads: Number(values.uploads),
    mebibytes: Number(values.mebibytes),
  });
  console.log(JSON.stringify(report));
  if (report.peakMiB >= budgetMiB) process.exit(1);
}
