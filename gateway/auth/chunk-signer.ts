/**
 * Verifies the signatures of an aws-chunked body. Each covers the one before it, the first the
 * request's own, so chunks can be neither exchanged nor left out.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
 */
import type { HmacKey } from './hmac.ts';
import {
  chunkStringToSign,
  type Scope,
  signatureOf,
  signaturesEqual,
  trailerStringToSign,
} from './sigv4.ts';

export class ChunkSigner {
  readonly #signingKey: HmacKey;
  readonly #dateLine: string;
  readonly #scope: Scope;
  /** Undefined once a signature was wrong: nothing behind it can be right. */
  #previous: string | undefined;

  /** `seedSignature` is the verified signature of the request. */
  constructor(signingKey: HmacKey, dateLine: string, scope: Scope, seedSignature: string) {
    this.#signingKey = signingKey;
    this.#dateLine = dateLine;
    this.#scope = scope;
    this.#previous = seedSignature;
  }

  /** In the order of the chunks, the empty one at the end included. */
  verifyChunk(sha256Hex: string, signature: string): boolean {
    return this.#advance(signature, (previous) =>
      chunkStringToSign(this.#dateLine, this.#scope, previous, sha256Hex),
    );
  }

  /** Once, behind the empty chunk; the SHA-256 is of the trailer's lines, `name:value\n` each. */
  verifyTrailer(sha256Hex: string, signature: string): boolean {
    return this.#advance(signature, (previous) =>
      trailerStringToSign(this.#dateLine, this.#scope, previous, sha256Hex),
    );
  }

  #advance(signature: string, text: (previous: string) => string): boolean {
    if (this.#previous === undefined) return false;
    const computed = signatureOf(this.#signingKey, text(this.#previous));
    const isRight = signaturesEqual(computed, signature);
    this.#previous = isRight ? computed : undefined;
    return isRight;
  }
}
