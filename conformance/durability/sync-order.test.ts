/**
 * I1, seen from the kernel: strace watches the gateway's system calls, and no answer to a write may
 * begin before everything it promises is durable. Without strace that is skipped, unless REQUIRE_STRACE is set, as
 * .ci/run does: then it fails.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { isOnBlobSeer } from '../harness/blobseer.ts';
import { Gateway } from '../harness/gateway.ts';
import { send } from '../harness/http.ts';
import { canTrace, straceMissing, straceRequired } from '../harness/strace.ts';
import { parseTrace, reportAnswers } from './trace.ts';

const watched = 'openat,write,writev,pwrite64,pwritev,pwritev2,sendto,sendmsg,fdatasync,fsync';

const skip = isOnBlobSeer && 'the pages are made durable by other processes, data providers';

test('no answer before pages, names, records and root are durable', { skip }, async (t) => {
  if (!canTrace()) {
    if (straceRequired) assert.fail(straceMissing);
    t.skip(straceMissing);
    return;
  }
  const folder = mkdtempSync(path.join(tmpdir(), 'sync-order-'));
  const file = path.join(folder, 'trace');
  const under = [
    'strace',
    '-D',
    '-f',
    '-y',
    '-qq',
    '-s',
    '32',
    '-o',
    file,
    '-e',
    `trace=${watched}`,
  ];
  const gateway = await Gateway.start({ under });
  try {
    const target = {
      endpoint: gateway.endpoint,
      credentials: gateway.credentials,
      region: 'us-east-1',
    };
    const put = async (name: string, body?: Buffer): Promise<void> => {
      const answer = await send(target, { method: 'PUT', path: name, ...(body && { body }) });
      assert.equal(answer.status, 200, answer.text);
    };
    await put('/sync-order');
    for (const size of [0, 1, 5000, 60_000, 200_000, 3_000_000]) {
      await put(`/sync-order/object-${size}`, Buffer.alloc(size, size % 251));
      await put(`/sync-order/object-${size}`, Buffer.alloc(size, 1 + (size % 251)));
    }
    const gone = await send(target, { method: 'DELETE', path: '/sync-order/object-5000' });
    assert.equal(gone.status, 204, gone.text);
    await gateway.stop();
    const reports = reportAnswers(parseTrace(readFileSync(file, 'utf8')));
    const writes = reports.filter(({ roots }) => roots > 0);
    assert.deepEqual(
      reports.flatMap(({ violations }) => violations),
      [],
    );
    assert.ok(writes.length >= 14, `${writes.length} of 14 writes were seen to reach the disk`);
    const large = reports.filter(({ pageFiles }) => pageFiles > 0);
    assert.ok(large.length >= 4, `${large.length} of 4 large writes were seen to make page files`);
  } finally {
    await gateway.remove();
    rmSync(folder, { recursive: true });
  }
});

const good = [
  '1 openat(AT_FDCWD</>, "/d/blobseer.mdb", O_WRONLY|O_DSYNC) = 21</d/blobseer.mdb>',
  '2 pwritev(25</d/pages/1/0/5-0>, [...], 4, 0) = 9',
  '2 fdatasync(25</d/pages/1/0/5-0> <unfinished ...>',
  '1 write(3</d/log>, "x", 1) = 1',
  '2 <... fdatasync resumed>) = 0',
  '3 fsync(26</d/pages/1/0>) = 0',
  '3 pwrite64(20</d/blobseer.mdb>, "r", 1, 8192) = 1',
  '3 fdatasync(20</d/blobseer.mdb>) = 0',
  '3 pwrite64(21</d/blobseer.mdb>, "m", 1, 128) = 1',
  '1 write(24<socket:[7]>, "HTTP/1.1 200 OK"..., 99) = 99',
];

function violations(lines: readonly string[]): readonly string[] {
  return reportAnswers(parseTrace(lines.join('\n'))).flatMap((report) => report.violations);
}

test('the checker passes the right order and finds each wrong one', () => {
  assert.deepEqual(violations(good), []);
  const without = (index: number): string[] => good.filter((_, at) => at !== index);
  const answeredBefore = (index: number): string[] => {
    const lines = good.slice(0, -1);
    return [
      ...lines.slice(0, index),
      good[good.length - 1]!,
      ...lines.slice(index),
      good[good.length - 1]!,
    ];
  };
  assert.match(violations(without(5)).join(), /the name of .* was not synced/);
  assert.match(violations(without(7)).join(), /records were not synced/);
  assert.match(violations(without(8)).join(), /root before records|records before/);
  assert.match(violations(answeredBefore(8)).join(), /root before records/);
  assert.match(violations(answeredBefore(7)).join(), /records were not synced/);
  assert.match(violations(answeredBefore(4)).join(), /answered before fdatasync/);
  const late = [...good.slice(0, 2), ...good.slice(5), ...good.slice(2, 5)];
  assert.match(violations(late).join(), /was not synced/);
});
