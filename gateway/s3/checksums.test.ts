import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  allowsChecksumType,
  type ChecksumAlgorithm,
  checksumAlgorithm,
  checksumAlgorithms,
  checksumElement,
  checksumHeader,
  compositeChecksum,
  createDigest,
  DigestSet,
  decodeDigest,
  defaultChecksumType,
  digestBytes,
  fullObjectChecksum,
  isCrc,
  multipartEtag,
} from './checksums.ts';

function digestOf(name: ChecksumAlgorithm, ...pieces: Uint8Array[]): Buffer {
  const digest = createDigest(name);
  for (const piece of pieces) digest.update(piece);
  return digest.digest();
}

test('the published check values of "123456789", of nothing and of a longer text', () => {
  const expected: Record<ChecksumAlgorithm, [string, string]> = {
    CRC32: ['cbf43926', '00000000'],
    CRC32C: ['e3069283', '00000000'],
    CRC64NVME: ['ae8b14860a799888', '0000000000000000'],
    MD5: ['25f9e794323b453885f5181f1b624d0b', 'd41d8cd98f00b204e9800998ecf8427e'],
    SHA1: ['f7c3bc1d808e04732adf679965ccc34ca7ae3441', 'da39a3ee5e6b4b0d3255bfef95601890afd80709'],
    SHA256: [
      '15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225',
      'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    ],
    SHA512: [
      'd9e6762dd1c8eaf6d61b3c6192fc408d4d6d5f1176d0c29169bc24e71c3f274ad27fcd5811b313d681f7e55ec02d73d499c95455b6b5bb503acf574fba8ffe85',
      'cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e',
    ],
    XXHASH128: ['33119477ede5dcd5e9716427681d5860', '99aa06d3014798d86001c324468d497f'],
    XXHASH3: ['72dcb18b67a17dff', '2d06800538d394c2'],
    XXHASH64: ['8cb841db40e6ae83', 'ef46db3751d8e999'],
  };
  for (const name of checksumAlgorithms) {
    assert.equal(digestOf(name, Buffer.from('123456789')).toString('hex'), expected[name][0], name);
    assert.equal(digestOf(name).toString('hex'), expected[name][1], name);
    assert.equal(digestOf(name).length, digestBytes[name], name);
  }
});

/** CRC-64/NVME bit by bit, from its definition. */
function slowCrc64(bytes: Uint8Array): string {
  let value = 0xffffffffffffffffn;
  for (const byte of bytes) {
    value ^= BigInt(byte);
    for (let bit = 0; bit < 8; bit++) {
      value = (value & 1n) === 1n ? (value >> 1n) ^ 0x9a6c9329ac4bc9b5n : value >> 1n;
    }
  }
  return (value ^ 0xffffffffffffffffn).toString(16).padStart(16, '0');
}

test('CRC64NVME agrees with its definition at every length and split', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(100), (bytes, split) => {
      const halves = [bytes.subarray(0, split), bytes.subarray(split)];
      assert.equal(digestOf('CRC64NVME', ...halves).toString('hex'), slowCrc64(bytes));
    }),
  );
});

test('CRC64NVME of inputs larger than its window, and of two that run at the same time', () => {
  const large = randomBytes(200_001);
  const a = createDigest('CRC64NVME');
  const b = createDigest('CRC64NVME');
  for (let at = 0; at < large.length; at += 70_000) {
    a.update(large.subarray(at, at + 70_000));
    b.update(Buffer.from('x'));
  }
  assert.equal(a.digest().toString('hex'), digestOf('CRC64NVME', large).toString('hex'));
  assert.equal(digestOf('CRC64NVME', large).toString('hex'), slowCrc64(large));
  assert.equal(b.digest().toString('hex'), slowCrc64(Buffer.from('xxx')));
});

test('CRC64NVME is the same in one piece, which is folded, and in many that are too short for it', () => {
  const bytes = randomBytes(600_000);
  const lengths = fc.oneof(
    // Around the least length that is folded, and around the end of the memory that pieces are copied into.
    fc.integer({ min: 27_700, max: 28_000 }),
    fc.integer({ min: 262_100, max: 290_200 }),
    fc.nat(300_000),
  );
  fc.assert(
    fc.property(fc.nat(300_000), lengths, (from, length) => {
      const piece = bytes.subarray(from, from + length);
      const inPieces = createDigest('CRC64NVME');
      inPieces.update(Buffer.from('before'));
      for (let at = 0; at < length; at += 9_999) inPieces.update(piece.subarray(at, at + 9_999));
      const whole = digestOf('CRC64NVME', Buffer.from('before'), piece);
      assert.deepEqual(whole, inPieces.digest());
    }),
    { numRuns: 100 },
  );
});

test('a set computes every digest in one pass and counts the bytes', () => {
  const body = randomBytes(600_000);
  const set = new DigestSet([...checksumAlgorithms, 'MD5']);
  set.update(body.subarray(0, 1));
  set.update(Buffer.alloc(0));
  set.update(body.subarray(1));
  assert.equal(set.length, body.length);
  for (const name of checksumAlgorithms) {
    assert.deepEqual(set.digest(name), digestOf(name, body), name);
    assert.deepEqual(set.digest(name), digestOf(name, body), 'asked again');
  }
  assert.equal(new DigestSet(['MD5']).digest('SHA1'), undefined);
});

test('digests that run side by side do not disturb one another', () => {
  const piecesArbitrary = fc.array(
    fc.record({ to: fc.nat(2), bytes: fc.uint8Array({ maxLength: 400 }) }),
    { maxLength: 12 },
  );
  fc.assert(
    fc.property(piecesArbitrary, fc.constantFrom(...checksumAlgorithms), (pieces, name) => {
      const running = [createDigest(name), createDigest(name), createDigest(name)];
      for (const { to, bytes } of pieces) running[to]?.update(bytes);
      for (const [index, digest] of running.entries()) {
        const own = pieces.filter(({ to }) => to === index).map(({ bytes }) => bytes);
        assert.deepEqual(digest.digest(), digestOf(name, Buffer.concat(own)));
      }
    }),
    { numRuns: 300 },
  );
});

test('a digest that is given up leaves the next one alone', () => {
  for (const name of checksumAlgorithms) {
    createDigest(name).update(Buffer.from('never ended'));
    assert.deepEqual(digestOf(name, Buffer.from('a')), digestOf(name, Buffer.from('a')), name);
    assert.notDeepEqual(digestOf(name), digestOf(name, Buffer.from('never ended')), name);
  }
});

test('CRCs of parts put together are the CRC of the whole', () => {
  const partsArbitrary = fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 6 });
  const crcs = checksumAlgorithms.filter(isCrc);
  assert.deepEqual(crcs, ['CRC32', 'CRC32C', 'CRC64NVME']);
  fc.assert(
    fc.property(partsArbitrary, fc.constantFrom(...crcs), (parts, algorithm) => {
      const known = parts.map((part) => ({
        digest: digestOf(algorithm, part),
        length: part.length,
      }));
      assert.equal(
        fullObjectChecksum(algorithm, known),
        digestOf(algorithm, ...parts).toString('base64'),
      );
    }),
    { numRuns: 300 },
  );
});

test('CRCs of 10,000 parts, and of parts longer than 32 bits can count', () => {
  const part = { digest: digestOf('CRC64NVME', Buffer.from('abc')), length: 3 };
  assert.equal(
    fullObjectChecksum('CRC64NVME', Array(10_000).fill(part)),
    digestOf('CRC64NVME', Buffer.from('abc'.repeat(10_000))).toString('base64'),
  );
  // Zeros: x^(8n) taken at once must be the same as taken in two steps.
  for (const algorithm of ['CRC32', 'CRC32C', 'CRC64NVME'] as const) {
    const a = digestOf(algorithm, Buffer.from('a'));
    const b = digestOf(algorithm, Buffer.from('b'));
    const length = 5 * 2 ** 30;
    const joined = (parts: { digest: Buffer; length: number }[]) =>
      Buffer.from(fullObjectChecksum(algorithm, parts), 'base64');
    const left = joined([
      { digest: a, length: 1 },
      { digest: b, length },
    ]);
    const right = joined([
      { digest: b, length },
      { digest: a, length: 7 },
    ]);
    assert.deepEqual(
      joined([
        { digest: left, length: length + 1 },
        { digest: a, length: 7 },
      ]),
      joined([
        { digest: a, length: 1 },
        { digest: right, length: length + 7 },
      ]),
      algorithm,
    );
  }
  assert.throws(() => fullObjectChecksum('CRC32', [{ digest: Buffer.alloc(8), length: 1 }]));
});

test('composite checksums hash the part digests and count them', () => {
  const parts = [Buffer.from('one'), Buffer.from('two')];
  const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest();
  const expected = sha256(Buffer.concat(parts.map(sha256))).toString('base64');
  assert.equal(compositeChecksum('SHA256', parts.map(sha256)), `${expected}-2`);
});

test('the ETag of a multipart object is the MD5 of the MD5s and their number', () => {
  const md5 = (text: string) => createHash('md5').update(text).digest('hex');
  const joined = createHash('md5')
    .update(Buffer.from(md5('a') + md5('b'), 'hex'))
    .digest('hex');
  assert.equal(multipartEtag([md5('a'), md5('b')]), `${joined}-2`);
});

test('names and types of S3', () => {
  assert.equal(checksumHeader('CRC64NVME'), 'x-amz-checksum-crc64nvme');
  assert.equal(checksumElement('CRC32C'), 'ChecksumCRC32C');
  assert.equal(checksumAlgorithm('crc64nvme'), 'CRC64NVME');
  assert.equal(checksumAlgorithm('xxHash3'), 'XXHASH3');
  assert.equal(checksumAlgorithm('SHA384'), undefined);
  assert.equal(checksumAlgorithm('constructor'), undefined);
  assert.equal(defaultChecksumType('CRC64NVME'), 'FULL_OBJECT');
  assert.equal(defaultChecksumType('CRC32'), 'COMPOSITE');
  assert.equal(allowsChecksumType('SHA256', 'FULL_OBJECT'), false);
  assert.equal(allowsChecksumType('CRC32', 'FULL_OBJECT'), true);
  assert.equal(allowsChecksumType('CRC64NVME', 'COMPOSITE'), false);
  for (const algorithm of ['MD5', 'SHA512', 'XXHASH128', 'XXHASH3', 'XXHASH64'] as const) {
    assert.equal(defaultChecksumType(algorithm), 'COMPOSITE');
    assert.equal(allowsChecksumType(algorithm, 'COMPOSITE'), true);
    assert.equal(allowsChecksumType(algorithm, 'FULL_OBJECT'), false);
  }
});

test('base64 digests are taken strictly', () => {
  assert.deepEqual(decodeDigest('CRC32', 'y/Q5Jg=='), Buffer.from('cbf43926', 'hex'));
  for (const value of [
    '',
    'y/Q5Jg',
    'y/Q5Jg=',
    'y_Q5Jg==',
    ' y/Q5Jg==',
    'y/Q5Jh==',
    'y/Q5JgA=',
    '!',
  ]) {
    assert.equal(decodeDigest('CRC32', value), undefined, JSON.stringify(value));
  }
});
