/** Frames in any pieces, and what is no frame. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BlobSeerError } from '../../errors.ts';
import { allExchanges } from '../testing/exchanges.ts';
import {
  encodeAnswer,
  encodeRequest,
  type Frame,
  FrameDecoder,
  type FrameLimits,
  headerBytes,
  Pieces,
} from './frame.ts';

const limits: FrameLimits = { maxItems: 64, maxItemBytes: 2 ** 20, maxBytes: 2 ** 21 };
const isCorrupt = (error: unknown) => error instanceof BlobSeerError && error.kind === 'corrupt';

function decode(pieces: Iterable<Buffer>): { frames: Frame[]; isIdle: boolean } {
  const decoder = new FrameDecoder(() => limits);
  const frames = [...pieces].flatMap((piece) => decoder.push(piece));
  return { frames, isIdle: decoder.isIdle };
}

/** Each piece in memory of its own, wiped of what the decoder must not look at again. */
function* cut(bytes: Buffer, at: readonly number[]): Generator<Buffer> {
  const ends = [...at].sort((left, right) => left - right);
  let start = 0;
  for (const end of [...ends, bytes.length]) {
    yield Buffer.from(bytes.subarray(start, Math.max(start, end)));
    start = Math.max(start, end);
  }
}

const exchanges = allExchanges();

test('a value in pieces is sent as if it were whole, be it copied or not', () => {
  const value = fc.uint8Array({ minLength: 1, maxLength: 6000 });
  fc.assert(
    fc.property(
      fc.array(fc.array(value, { minLength: 1, maxLength: 4 }), { maxLength: 4 }),
      (all) => {
        const whole = all.map((pieces) => Buffer.concat(pieces));
        const sent = Buffer.concat(
          encodeRequest(
            9,
            all.map((pieces) => new Pieces(pieces)),
          ),
        );
        assert.deepEqual(sent, Buffer.concat(encodeRequest(9, whole)));
      },
    ),
  );
  assert.throws(() => encodeRequest(9, [new Pieces([])]), { kind: 'invalid-argument' });
});

test('every recorded message comes out the same, cut in two at any byte', () => {
  for (const { title, request, answer } of exchanges) {
    for (const bytes of [request, answer]) {
      const whole = decode([bytes]);
      assert.equal(whole.frames.length, 1, title);
      if (bytes.length > 1500) continue;
      for (let at = 0; at <= bytes.length; at++) {
        const { frames, isIdle } = decode(cut(bytes, [at]));
        assert.deepEqual(frames, whole.frames, `${title} cut at ${at}`);
        assert.ok(isIdle);
      }
    }
  }
});

test('a stream of messages comes out the same, cut anywhere, also byte by byte', () => {
  const some = exchanges.filter(({ request }) => request.length < 700).slice(0, 40);
  const stream = Buffer.concat(some.flatMap(({ request, answer }) => [request, answer]));
  const expected = some.flatMap(({ request, answer }) => decode([request, answer]).frames);
  const eachByte = Array.from({ length: stream.length }, (_, at) => at);
  assert.deepEqual(decode(cut(stream, eachByte)).frames, expected);
  fc.assert(
    fc.property(fc.array(fc.nat(stream.length), { maxLength: 50 }), (at) => {
      assert.deepEqual(decode(cut(stream, at)).frames, expected);
    }),
  );
});

test('any items come through, small and large, cut anywhere', () => {
  const item = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc
      .integer({ min: 4090, max: 70_000 })
      .map((length) => new Uint8Array(length).fill(length % 251)),
  );
  fc.assert(
    fc.property(
      fc.nat(0xffff_ffff),
      fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
      fc.array(item, { maxLength: 8 }),
      fc.array(fc.nat(200_000), { maxLength: 6 }),
      (name, status, items, at) => {
        const bytes = Buffer.concat(encodeAnswer(name, status, items));
        const inside = at.filter((place) => place <= bytes.length);
        const { frames, isIdle } = decode(cut(bytes, inside));
        assert.ok(isIdle);
        assert.deepEqual(frames, [{ name, status, items: items.map((each) => Buffer.from(each)) }]);
      },
    ),
    { numRuns: 200 },
  );
});

test('large items can be received where they belong, in any pieces', () => {
  const item = fc.constantFrom(0, 10, 16_383, 16_384, 40_000, 100_000);
  const received = fc.array(fc.integer({ min: 1, max: 60_000 }), { minLength: 1, maxLength: 30 });
  fc.assert(
    fc.property(fc.array(item, { maxLength: 4 }), received, (lengths, sizes) => {
      const items = lengths.map((length, index) => Buffer.alloc(length, index + 1));
      const bytes = Buffer.concat([...encodeAnswer(3, 0, items), ...encodeAnswer(4, 6, items)]);
      const decoder = new FrameDecoder(() => limits);
      const frames: Frame[] = [];
      for (let at = 0, turn = 0; at < bytes.length; turn++) {
        const most = sizes[turn % sizes.length]!;
        const place = decoder.openItem;
        const rest = bytes.subarray(at, at + Math.min(most, place?.length ?? most));
        if (place !== undefined) rest.copy(place);
        frames.push(...(place ? decoder.advance(rest.length) : decoder.push(Buffer.from(rest))));
        at += rest.length;
      }
      assert.ok(decoder.isIdle);
      assert.deepEqual(frames, [
        { name: 3, status: 0, items },
        { name: 4, status: 6, items },
      ]);
    }),
  );
  assert.throws(() => new FrameDecoder(() => limits).advance(1), RangeError);
});

test('a length alone gets little memory, and an item that comes whole is whole', () => {
  const large: FrameLimits = { maxItems: 1, maxItemBytes: 2 ** 28, maxBytes: 2 ** 28 };
  const promised = Buffer.concat(encodeAnswer(3, 0, [Buffer.alloc(1)])).subarray(0, 16);
  promised.writeUInt32LE(2 ** 28, 12);
  const waiting = new FrameDecoder(() => large);
  waiting.push(Buffer.concat([promised, Buffer.alloc(100)]));
  assert.ok((waiting.openItem?.length ?? 0) <= 2 ** 20);

  const item = Buffer.alloc(5 * 2 ** 20 + 7, 'abcdefghijk');
  const bytes = Buffer.concat(encodeAnswer(3, 0, [item]));
  for (const pieceBytes of [1000, 300_000, 4 * 2 ** 20]) {
    for (const receives of [true, false]) {
      const decoder = new FrameDecoder(() => large);
      const frames: Frame[] = [];
      for (let at = 0; at < bytes.length; ) {
        const place = receives ? decoder.openItem : undefined;
        const rest = bytes.subarray(at, at + Math.min(pieceBytes, place?.length ?? pieceBytes));
        if (place !== undefined) rest.copy(place);
        frames.push(...(place ? decoder.advance(rest.length) : decoder.push(rest)));
        at += rest.length;
      }
      assert.equal(frames.length, 1);
      assert.ok(frames[0]?.items[0]?.equals(item), `${pieceBytes} ${receives}`);
    }
  }
});

test('a large item is sent as it is: nothing of it is copied', () => {
  const page = Buffer.alloc(70_000, 1);
  const buffers = encodeRequest(2, [Buffer.alloc(16), page]);
  assert.equal(buffers.at(-1), page);
  assert.equal(buffers.length, 2);
});

test('H3: an empty parameter cannot be put into a request; an answer may hold an empty result', () => {
  assert.throws(
    () => encodeRequest(1, [Buffer.alloc(16), Buffer.alloc(0)]),
    (error) => error instanceof BlobSeerError && error.kind === 'invalid-argument',
  );
  assert.equal(Buffer.concat(encodeAnswer(1, 6, [Buffer.alloc(0)])).length, headerBytes + 4);
});

test('H3: the count in a request is the count of its parameters', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 9 })), (parameters) => {
      const [bytes] = encodeRequest(1, parameters);
      assert.equal(bytes!.readUInt32LE(4), parameters.length);
    }),
  );
});

function header(name: number, count: number, status = 0): Buffer {
  const bytes = Buffer.alloc(headerBytes);
  bytes.writeUInt32LE(name, 0);
  bytes.writeUInt32LE(count, 4);
  bytes.writeInt32LE(status, 8);
  return bytes;
}

function length(bytes: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeUInt32LE(bytes);
  return buffer;
}

test('counts and lengths beyond the limits are refused as soon as they are seen', () => {
  assert.throws(() => decode([header(1, 65)]), isCorrupt);
  assert.throws(() => decode([header(1, 0xffff_ffff)]), isCorrupt);
  assert.throws(() => decode([header(1, 1), length(2 ** 20 + 1)]), isCorrupt);
  assert.throws(() => decode([header(1, 1), length(0xffff_ffff)]), isCorrupt);
  const page = Buffer.alloc(2 ** 20);
  const twoPages = [header(1, 3), length(page.length), page, length(page.length), page];
  assert.equal(decode(twoPages).frames.length, 0, 'as much as all items may be');
  assert.throws(() => decode([...twoPages, length(1)]), isCorrupt);
});

test('the limits are asked for with name and status, and may refuse both', () => {
  const seen: [number, number][] = [];
  const decoder = new FrameDecoder((name, status) => {
    seen.push([name, status]);
    if (name === 9) throw new BlobSeerError('corrupt', 'no such call');
    return limits;
  });
  assert.equal(decoder.push(Buffer.concat([header(4, 0, 6), header(1, 0, -3)])).length, 2);
  assert.deepEqual(seen, [
    [4, 6],
    [1, -3],
  ]);
  assert.throws(() => decoder.push(header(9, 1)), isCorrupt);
});

test('any bytes are frames or are refused as corrupt', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 100 }), { maxLength: 10 }), (pieces) => {
      try {
        decode(pieces.map((piece) => Buffer.from(piece)));
      } catch (error) {
        assert.ok(isCorrupt(error));
      }
    }),
    { numRuns: 500 },
  );
});
