import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { type BodyMd5, createBodyMd5, Md5Lanes } from './md5-lanes.ts';

const bytes = randomBytes(2 ** 21);
const md5 = (data: Uint8Array) => createHash('md5').update(data).digest('hex');

function digestOf(digest: BodyMd5 | undefined, data: Uint8Array): string | undefined {
  digest?.update(data);
  return digest?.digest().toString('hex');
}

test('one body of every length around the ends of a block and of the buffer', () => {
  const lanes = new Md5Lanes(1);
  for (const around of [0, 64, 128, 256 * 1024, 512 * 1024]) {
    for (let length = Math.max(0, around - 10); length < around + 10; length++) {
      const data = bytes.subarray(0, length);
      assert.equal(digestOf(lanes.open(), data), md5(data), `${length} bytes`);
    }
  }
});

/** Up to so many bodies in pieces of any length, in any order, beginning and ending at any time. */
function digestMany(bodies: number, begin: () => BodyMd5 | undefined): void {
  const steps = fc.array(
    fc.record({
      body: fc.nat({ max: bodies - 1 }),
      offset: fc.nat({ max: 2 ** 20 }),
      length: fc.oneof(fc.nat({ max: 200 }), fc.nat({ max: 2 ** 20 }), fc.constant(64 * 1024)),
      end: fc.constantFrom('digest', 'close', ...Array(8).fill('no')),
    }),
    { minLength: 20, maxLength: 100, size: 'max' },
  );
  fc.assert(
    fc.property(steps, (all) => {
      const open = new Map<number, { own: BodyMd5; reference: ReturnType<typeof createHash> }>();
      const digestNow = ({ own, reference }: NonNullable<ReturnType<typeof open.get>>) => {
        assert.equal(own.digest().toString('hex'), reference.digest('hex'));
      };
      for (const { body, offset, length, end } of all) {
        const opened = open.get(body) ?? { own: begin(), reference: createHash('md5') };
        assert.ok(opened.own !== undefined, 'closed lanes are free again');
        const running = { ...opened, own: opened.own };
        open.set(body, running);
        const piece = bytes.subarray(offset, offset + length);
        running.own.update(piece);
        running.reference.update(piece);
        if (end === 'no') continue;
        if (end === 'digest') digestNow(running);
        else running.own.close();
        open.delete(body);
      }
      for (const running of open.values()) digestNow(running);
    }),
    { numRuns: 30 },
  );
}

test('many bodies in lanes', () => {
  const lanes = new Md5Lanes(20);
  digestMany(20, () => lanes.open());
});

for (const bodies of [1, 2, 3]) {
  test(`up to ${bodies} bodies at once, in lanes or apart, as they meet`, () => {
    digestMany(bodies, () => createBodyMd5(undefined));
  });
}

test('there are so many lanes and no more; a lane is given back once', () => {
  const lanes = new Md5Lanes(2);
  const first = lanes.open();
  const second = lanes.open();
  assert.equal(lanes.open(), undefined);
  assert.equal(digestOf(first, bytes), md5(bytes));
  first?.close();
  const third = lanes.open();
  assert.ok(third !== undefined);
  assert.equal(lanes.open(), undefined);
  first?.close();
  assert.equal(lanes.runningCount, 2);
  assert.equal(digestOf(third, bytes.subarray(1)), md5(bytes.subarray(1)));
  assert.equal(digestOf(second, bytes.subarray(2)), md5(bytes.subarray(2)));
});

test('bodies of any known or unknown length are digested, more at once than there are lanes', () => {
  const lengths = [undefined, 0, 1000, 2 ** 20];
  const bodies = Array.from({ length: 100 }, (_, index) => ({
    own: createBodyMd5(lengths[index % lengths.length]),
    data: bytes.subarray(index),
  }));
  for (const { own, data } of bodies) own.update(data);
  for (const { own, data } of bodies) assert.equal(own.digest().toString('hex'), md5(data));
});

test('on a processor without vectors bodies are digested one by one', (t) => {
  const module = JSON.stringify(new URL('./md5-lanes.js', import.meta.url).href);
  const program = `
    const { createBodyMd5 } = await import(${module});
    const bodies = [createBodyMd5(undefined), createBodyMd5(undefined)];
    for (const body of bodies) body.update(Buffer.alloc(600_000, 'x'));
    for (const body of bodies) console.log(body.digest().toString('hex'));`;
  const { status, stdout } = spawnSync(
    process.execPath,
    ['--no-enable-sse4-1', '--input-type=module', '--eval', program],
    { encoding: 'utf8' },
  );
  const badOption = 9;
  if (status === badOption) return t.skip('this Node has no such processor to show');
  const expected = md5(Buffer.alloc(600_000, 'x'));
  assert.equal(stdout, `${expected}\n${expected}\n`);
});
