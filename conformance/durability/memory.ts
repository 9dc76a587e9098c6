/**
 * Memory under many large uploads at once: RssAnon of the serving process is sampled while N uploads
 * of M MiB run through it (I6). By hand at full size:
 *   node dist/conformance/durability/memory.js --uploads 64 --mebibytes 256 [--forms]
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import { formBody, formBoundary, partsOf, signedPolicy } from '../harness/forms.ts';
import { Gateway } from '../harness/gateway.ts';
import { type Endpoint, type RawResponse, send } from '../harness/http.ts';
import { anonymousBytes } from '../harness/processes.ts';

export interface MemoryOptions {
  readonly uploads: number;
  readonly mebibytes: number;
  /** As browsers' forms instead of PUTs. */
  readonly forms?: boolean;
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
    const uploads = Array.from({ length: options.uploads }, (_, index) => {
      const key = `upload-${index}`;
      return options.forms === true
        ? postFile(target, key, options.mebibytes)
        : putFile(target, key, options.mebibytes);
    });
    for (const answer of await Promise.all(uploads)) {
      assert.equal(answer.status, options.forms === true ? 204 : 200, answer.text);
    }
    const seconds = (performance.now() - began) / 1000;
    clearInterval(sampling);
    const inMiB = (bytes: number) => Math.round(bytes / mebibyte);
    return { idleMiB: inMiB(idle), peakMiB: inMiB(peak), seconds: Math.round(seconds * 10) / 10 };
  } finally {
    await gateway.remove();
  }
}

function putFile(target: Endpoint, key: string, mebibytes: number): Promise<RawResponse> {
  return send(target, {
    method: 'PUT',
    path: `/${bucket}/${key}`,
    headers: { 'Content-Length': String(mebibytes * mebibyte) },
    contentSha256: 'UNSIGNED-PAYLOAD',
    stream: body(mebibytes),
    timeoutMs: 0,
  });
}

function postFile(target: Endpoint, key: string, mebibytes: number): Promise<RawResponse> {
  const fields = { key, ...signedPolicy(target, [{ bucket }, { key }]) };
  const form = formBody([...partsOf(fields), { name: 'file', value: '', fileName: 'f' }]);
  const fileAt = form.length - `\r\n--${formBoundary}--\r\n`.length;
  async function* filled() {
    yield form.subarray(0, fileAt);
    yield* body(mebibytes);
    yield form.subarray(fileAt);
  }
  return send(target, {
    method: 'POST',
    path: `/${bucket}`,
    exactHeaders: true,
    headers: {
      Host: new URL(target.endpoint).host,
      'Content-Type': `multipart/form-data; boundary=${formBoundary}`,
      'Content-Length': String(form.length + mebibytes * mebibyte),
    },
    stream: filled(),
    timeoutMs: 0,
  });
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
      forms: { type: 'boolean', default: false },
    },
  });
  const report = await memoryOfUploads({
    uploads: Number(values.uploads),
    mebibytes: Number(values.mebibytes),
    forms: values.forms,
  });
  console.log(JSON.stringify(report));
  if (report.peakMiB >= budgetMiB) process.exit(1);
}
