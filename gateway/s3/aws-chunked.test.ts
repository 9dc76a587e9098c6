import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { AwsChunkedDecoder, type AwsChunkedOptions, type ChunkVerifier } from './aws-chunked.ts';
import { S3Error, type S3ErrorCode } from './errors.ts';

const sha256 = (text: string | Buffer) => createHash('sha256').update(text).digest('hex');

/** Signs by hashing what went before with the data: enough to see order and content checked. */
class ChainVerifier implements ChunkVerifier {
  private previous = 'seed';

  sign(hash: string): string {
    this.previous = sha256(`${this.previous}${hash}`);
    return this.previous;
  }

  verifyChunk(hash: string, signature: string): boolean {
    return this.sign(hash) === signature;
  }

  verifyTrailer(hash: string, signature: string): boolean {
    return this.sign(`trailer${hash}`) === signature;
  }
}

function signedBody(chunks: readonly Buffer[], trailer?: string, lineEnd = '\r\n'): Buffer {
  const chain = new ChainVerifier();
  const pieces: Buffer[] = [];
  for (const chunk of [...chunks, Buffer.alloc(0)]) {
    const signature = chain.sign(sha256(chunk));
    pieces.push(Buffer.from(`${chunk.length.toString(16)};chunk-signature=${signature}\r\n`));
    if (chunk.length > 0) pieces.push(chunk, Buffer.from('\r\n'));
  }
  if (trailer !== undefined) {
    const signature = chain.sign(`trailer${sha256(`${trailer}\n`)}`);
    pieces.push(Buffer.from(`${trailer}${lineEnd}x-amz-trailer-signature:${signature}\r\n`));
  }
  return Buffer.concat([...pieces, Buffer.from('\r\n')]);
}

function decode(options: AwsChunkedOptions, pieces: Iterable<Buffer>) {
  const decoder = new AwsChunkedDecoder(options);
  const payload: Buffer[] = [];
  for (const piece of pieces) payload.push(...decoder.push(piece));
  decoder.finish();
  return { payload: Buffer.concat(payload).toString('latin1'), trailers: [...decoder.trailers] };
}

const bytesOf = (body: Buffer) => Array.from(body, (byte) => Buffer.from([byte]));

const crcTrailer = 'x-amz-checksum-crc32:y/Q5Jg==';
const unsigned = Buffer.from(`5\r\nhello\r\n6;x=y;z\r\n world\r\n0\r\n${crcTrailer}\r\n\r\n`);
const unsignedOptions = (): AwsChunkedOptions => ({
  trailers: ['x-amz-checksum-crc32'],
  decodedLength: 11,
});
const helloResult = {
  payload: 'hello world',
  trailers: [['x-amz-checksum-crc32', 'y/Q5Jg==']],
};

const bigChunk = Buffer.alloc(8192, 'ab');
const signed = signedBody([bigChunk, Buffer.from('tail')], crcTrailer);
const signedOptions = (): AwsChunkedOptions => ({
  verifier: new ChainVerifier(),
  trailers: ['x-amz-checksum-crc32'],
  decodedLength: 8196,
});
const signedResult = {
  payload: `${bigChunk.toString()}tail`,
  trailers: [['x-amz-checksum-crc32', 'y/Q5Jg==']],
};

function assertRefused(
  options: AwsChunkedOptions,
  body: Buffer | string,
  code: S3ErrorCode,
  fields?: Record<string, string>,
) {
  const bytes = Buffer.from(body);
  for (const pieces of [[bytes], bytesOf(bytes)]) {
    assert.throws(
      () => decode({ ...options, ...freshVerifier(options) }, pieces),
      (error) => {
        assert.ok(error instanceof S3Error, String(error));
        assert.equal(error.code, code, JSON.stringify(bytes.toString('latin1').slice(0, 200)));
        if (fields !== undefined) assert.deepEqual(error.fields, fields);
        return true;
      },
    );
  }
}

function freshVerifier(options: AwsChunkedOptions) {
  return options.verifier === undefined ? {} : { verifier: new ChainVerifier() };
}

test('unsigned with trailer, whole, byte by byte and at every split position', () => {
  assert.deepEqual(decode(unsignedOptions(), [unsigned]), helloResult);
  assert.deepEqual(decode(unsignedOptions(), bytesOf(unsigned)), helloResult);
  for (let a = 0; a <= unsigned.length; a++) {
    for (let b = a; b <= unsigned.length; b++) {
      const pieces = [unsigned.subarray(0, a), unsigned.subarray(a, b), unsigned.subarray(b)];
      assert.deepEqual(decode(unsignedOptions(), pieces), helloResult, `split at ${a} and ${b}`);
    }
  }
});

test('signed chunks with signed trailer, whole, byte by byte and at every split position', () => {
  assert.deepEqual(decode(signedOptions(), [signed]), signedResult);
  assert.deepEqual(decode(signedOptions(), bytesOf(signed)), signedResult);
  for (let at = 0; at <= signed.length; at++) {
    // Inside the data of the large chunk one split is like another.
    if (at > 200 && at < 8200) continue;
    const pieces = [signed.subarray(0, at), signed.subarray(at)];
    assert.deepEqual(decode(signedOptions(), pieces), signedResult, `split at ${at}`);
  }
});

test('signed chunks without trailers, and an empty object', () => {
  const options = () => ({ verifier: new ChainVerifier(), decodedLength: 3 });
  assert.equal(decode(options(), [signedBody([Buffer.from('abc')])]).payload, 'abc');
  const empty = { verifier: new ChainVerifier(), decodedLength: 0 };
  assert.deepEqual(decode(empty, [signedBody([])]), { payload: '', trailers: [] });
  assert.equal(decode({ trailers: [] }, [Buffer.from('0\r\n\r\n')]).payload, '');
});

test('any chunks at any splits give the payload back', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 5 }),
      fc.array(fc.nat(), { maxLength: 8 }),
      (chunks, cuts) => {
        const framed = chunks.map((chunk) =>
          Buffer.concat([
            Buffer.from(`${chunk.length.toString(16)}\r\n`),
            chunk,
            Buffer.from('\r\n'),
          ]),
        );
        const body = Buffer.concat([...framed, Buffer.from('0\r\n\r\n')]);
        const places = [0, ...cuts.map((cut) => cut % body.length), body.length].sort(
          (a, b) => a - b,
        );
        const pieces = places.slice(1).map((end, index) => body.subarray(places[index], end));
        const { payload } = decode({ trailers: [] }, pieces);
        assert.equal(payload, Buffer.concat(chunks).toString('latin1'));
      },
    ),
  );
});

test('payload is given as slices of the input, not copied', () => {
  const [first, second] = new AwsChunkedDecoder({ trailers: [] }).push(unsigned.subarray(0, 25));
  assert.equal(first?.buffer, unsigned.buffer);
  assert.equal(first?.byteOffset, unsigned.byteOffset + 3);
  assert.equal(second?.toString(), ' world');
});

test('the decoded length may be unknown; upper-case hexadecimal and leading zeros are fine', () => {
  const body = Buffer.from(`000A\r\n0123456789\r\n0\r\n\r\n`);
  assert.equal(decode({ trailers: [] }, [body]).payload, '0123456789');
});

test('unsigned chunks may be small and may carry a signature that nobody asked for', () => {
  const body = `1;chunk-signature=xyz\r\na\r\n1\r\nb\r\n0\r\n\r\n`;
  assert.equal(decode({ trailers: [] }, [Buffer.from(body)]).payload, 'ab');
});

test('trailers: order, case, space and the LF of the AWS description do not matter', () => {
  const body = Buffer.from('0\r\nX-B: 2 \r\nx-a:1\r\n\r\n');
  assert.deepEqual(decode({ trailers: ['x-a', 'x-b'] }, [body]).trailers, [
    ['x-b', '2'],
    ['x-a', '1'],
  ]);
  const quirk = signedBody([bigChunk, Buffer.from('tail')], crcTrailer, '\n\r\n');
  assert.deepEqual(decode(signedOptions(), bytesOf(quirk)), signedResult);
});

test('a truncated body is IncompleteBody at every length', () => {
  for (let length = 0; length < unsigned.length; length++) {
    assertRefused(unsignedOptions(), unsigned.subarray(0, length), 'IncompleteBody');
  }
  for (const length of [10, 90, 100, 8290, 8300, signed.length - 150, signed.length - 1]) {
    assertRefused(signedOptions(), signed.subarray(0, length), 'IncompleteBody');
  }
});

test('broken framing is IncompleteBody', () => {
  const long = ';x'.repeat(600);
  for (const body of [
    '\r\n',
    ';x\r\n',
    'g\r\n',
    '-1\r\na\r\n0\r\n\r\n',
    '0x1\r\na\r\n0\r\n\r\n',
    ' 1\r\na\r\n0\r\n\r\n',
    '1 \r\na\r\n0\r\n\r\n',
    '1\na\r\n0\r\n\r\n',
    '1\r\nab\r\n0\r\n\r\n',
    '2\r\na\r\n0\r\n\r\n',
    '1\r\na\rx0\r\n\r\n',
    '1\r\na0\r\n\r\n',
    '00000000000000001\r\na\r\n0\r\n\r\n',
    `1${long}\r\na\r\n0\r\n\r\n`,
    `1${long}`,
    '0\r\n\r\nx',
    '0\r\n\r\n0\r\n\r\n',
    'hello world, not framed at all',
  ]) {
    assertRefused({ trailers: [] }, body, 'IncompleteBody');
  }
});

test('the announced decoded length is verified', () => {
  const body = '5\r\nhello\r\n0\r\n\r\n';
  assertRefused({ trailers: [], decodedLength: 6 }, body, 'IncompleteBody', {
    NumberBytesExpected: '6',
    NumberBytesProvided: '5',
  });
  assertRefused({ trailers: [], decodedLength: 4 }, body, 'IncompleteBody', {
    NumberBytesExpected: '4',
    NumberBytesProvided: '5',
  });
});

test('a chunk over 5 GiB is EntityTooLarge before any of it is taken', () => {
  assertRefused({ trailers: [] }, '140000001\r\n', 'EntityTooLarge', {
    ProposedSize: '5368709121',
    MaxSizeAllowed: '5368709120',
  });
  assertRefused({ trailers: [] }, 'ffffffffffffffff\r\n', 'EntityTooLarge');
});

test('a signed chunk under 8 KiB that is not the last is InvalidChunkSizeError', () => {
  const body = signedBody([bigChunk, Buffer.from('abc'), Buffer.from('de')]);
  assertRefused({ verifier: new ChainVerifier() }, body, 'InvalidChunkSizeError', {
    Chunk: '3',
    BadChunkSize: '3',
  });
});

test('wrong chunk signatures are SignatureDoesNotMatch', () => {
  const options = { verifier: new ChainVerifier() };
  const body = signedBody([bigChunk, Buffer.from('tail')]);
  const changed = (at: number) => {
    const copy = Buffer.from(body);
    copy[at] = copy[at] === 0x61 ? 0x62 : 0x61;
    return copy;
  };
  assertRefused(options, changed(30), 'SignatureDoesNotMatch');
  assertRefused(options, changed(5000), 'SignatureDoesNotMatch');
  assertRefused(options, changed(8280 + 60), 'SignatureDoesNotMatch');
  assertRefused(options, changed(body.length - 10), 'SignatureDoesNotMatch');
  assertRefused(options, '1;chunk-signature=abc\r\na\r\n', 'SignatureDoesNotMatch');
  assertRefused(options, '1;chunk-signature\r\na\r\n', 'SignatureDoesNotMatch');
});

test('signed chunks that are reordered do not pass', () => {
  const a = Buffer.alloc(8192, 'a');
  const b = Buffer.alloc(8192, 'b');
  const body = signedBody([a, b]);
  const frame = 4 + ';chunk-signature='.length + 64 + 2 + 8192 + 2;
  const swapped = Buffer.concat([
    body.subarray(frame, 2 * frame),
    body.subarray(0, frame),
    body.subarray(2 * frame),
  ]);
  assertRefused({ verifier: new ChainVerifier() }, swapped, 'SignatureDoesNotMatch');
});

test('a signed body whose chunk has no signature, or two, is IncompleteBody', () => {
  const options = { verifier: new ChainVerifier() };
  const signature = `;chunk-signature=${'0'.repeat(64)}`;
  assertRefused(options, '1\r\na\r\n0\r\n\r\n', 'IncompleteBody');
  assertRefused(options, `1${signature}${signature}\r\na\r\n`, 'IncompleteBody');
});

test('a verifier that throws is heard', () => {
  const verifier: ChunkVerifier = {
    verifyChunk: () => {
      throw new S3Error('SignatureDoesNotMatch', { fields: { StringToSign: 'x' } });
    },
    verifyTrailer: () => true,
  };
  assert.throws(
    () => decode({ verifier }, [signedBody([])]),
    (error) => error instanceof S3Error && error.fields.StringToSign === 'x',
  );
});

test('trailers not announced, missing, repeated, malformed or too many are MalformedTrailerError', () => {
  const announced = { trailers: ['x-a'] };
  for (const trailers of [
    '\r\n',
    'x-b:1\r\n\r\n',
    'x-a:1\r\nx-b:1\r\n\r\n',
    'x-a:1\r\nX-A:1\r\n\r\n',
    'x-a\r\n\r\n',
    ':1\r\n\r\n',
    'x a:1\r\n\r\n',
    'x-a:1\n2\r\n\r\n',
    'x-a:1\r\nx-amz-trailer-signature:abc\r\n\r\n',
    `x-a:${'1'.repeat(9000)}`,
    `${'x-a:1\r\n'.repeat(3000)}\r\n`,
  ]) {
    assertRefused(announced, `0\r\n${trailers}`, 'MalformedTrailerError');
  }
  assertRefused({}, '0\r\nx-a:1\r\n\r\n', 'MalformedTrailerError');
});

test('a signed trailer without its signature is refused, with a wrong one too', () => {
  const text = signed.toString('latin1');
  const at = text.indexOf('x-amz-trailer-signature');
  const without = `${text.slice(0, at)}\r\n`;
  const line = text.slice(at, -2);
  assertRefused(signedOptions(), without, 'MalformedTrailerError');
  assertRefused(
    signedOptions(),
    `${without.slice(0, -2)}${line}${line}\r\n`,
    'MalformedTrailerError',
  );
  assertRefused(signedOptions(), text.replace('y/Q5Jg==', 'z/Q5Jg=='), 'SignatureDoesNotMatch');
  assertRefused(
    signedOptions(),
    `${text.slice(0, at)}x-amz-trailer-signature:${'0'.repeat(64)}\r\n\r\n`,
    'SignatureDoesNotMatch',
  );
  assertRefused(
    signedOptions(),
    `${text.slice(0, at)}x-amz-trailer-signature:\r\n\r\n`,
    'SignatureDoesNotMatch',
  );
});

test('tiny chunks do not come out in as many pieces: one each would cost hundreds of its bytes', () => {
  const decoder = new AwsChunkedDecoder({});
  const count = 5000;
  const pieces = decoder.push(Buffer.from(`${'1\r\nx\r\n'.repeat(count)}0\r\n\r\n`));
  decoder.finish();
  assert.ok(pieces.length < 20, `${pieces.length} pieces`);
  assert.equal(Buffer.concat(pieces).toString(), 'x'.repeat(count));
});
