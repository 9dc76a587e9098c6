/**
 * Bytes per second through the remote engine to a BlobSeer that runs, of any kind:
 *
 *   node dist/deploy/entities/testing/throughput.js --config FILE [--mebibytes 256] [--page-sizes 65536,262144]
 *     [--clients 1,2,4] [--replication 1]
 *
 * Each client writes a blob of its own and reads it back; what is read is compared.
 */
import { randomFillSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { Blob, openRemote, readDeployment } from '../../../blobseer-client/index.ts';

const mebibyte = 2 ** 20;
const pieceBytes = mebibyte;

const { values } = parseArgs({
  options: {
    config: { type: 'string' },
    mebibytes: { type: 'string', default: '256' },
    'page-sizes': { type: 'string', default: '65536,262144,1048576' },
    clients: { type: 'string', default: '1' },
    replication: { type: 'string', default: '1' },
  },
});
if (values.config === undefined) throw new Error('give --config FILE');
const numbers = (text: string) => text.split(',').map(Number);
const directory = mkdtempSync(path.join(tmpdir(), 'throughput-'));
const engine = await openRemote({
  directory,
  role: 'alone',
  deployment: readDeployment(readFileSync(values.config, 'utf8'), path.dirname(values.config)),
  replication: Number(values.replication),
});
const perClient = Number(values.mebibytes);
const piece = randomFillSync(Buffer.alloc(pieceBytes));

function* source(): Generator<Buffer> {
  for (let number = 0; number < perClient; number++) {
    piece.writeUInt32BE(number, 0);
    yield Buffer.from(piece);
  }
}

/** That these are the bytes of the source from there on. */
function check(bytes: Buffer, position: number): void {
  for (let at = 0; at < bytes.length; ) {
    const number = Math.floor((position + at) / pieceBytes);
    const from = position + at - number * pieceBytes;
    const to = Math.min(pieceBytes, from + bytes.length - at);
    piece.writeUInt32BE(number, 0);
    if (bytes.compare(piece, from, to, at, at + to - from) !== 0) {
      throw new Error('what was read is not what was written');
    }
    at += to - from;
  }
}

async function seconds(work: () => Promise<void>): Promise<number> {
  const startMs = performance.now();
  await work();
  return (performance.now() - startMs) / 1000;
}

const rate = (clients: number, took: number) =>
  `${((perClient * clients * mebibyte) / took / 1e6).toFixed(0)} MB/s`;

try {
  for (const pageSize of numbers(values['page-sizes'])) {
    for (const clients of numbers(values.clients)) {
      const blobs = await Promise.all(
        Array.from({ length: clients }, () => Blob.create(engine, { pageSize })),
      );
      const written = await seconds(async () => {
        await Promise.all(blobs.map((blob) => blob.write(source())));
      });
      const read = await seconds(async () => {
        await Promise.all(
          blobs.map(async (blob) => {
            let position = 0;
            for await (const bytes of blob.read()) {
              check(bytes, position);
              position += bytes.length;
            }
            if (position !== perClient * mebibyte) throw new Error('not all of it was read');
          }),
        );
      });
      console.log(
        `pages of ${pageSize}, ${clients} clients: write ${rate(clients, written)}, read ${rate(clients, read)}`,
      );
      for (const blob of blobs) {
        for (const { version } of [...blob.versions()]) await blob.release(version);
      }
      await engine.maintain();
    }
  }
} finally {
  await engine.close();
  rmSync(directory, { recursive: true });
}
