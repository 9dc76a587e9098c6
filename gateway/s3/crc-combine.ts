/**
 * The CRC of a whole from the CRCs of its parts, without reading a byte: how a multipart upload gets a
 * FULL_OBJECT checksum. crc(A then B) = crc(A) * x^(8 * length of B) + crc(B) in the polynomials over
 * GF(2) modulo the CRC's polynomial (the method of zlib's crc32_combine).
 */
import { crc64NvmePolynomial } from './crc64nvme.ts';

/** A byte has 2^3 bits. */
const bitsOfByteLog2 = 3;

export type CrcAlgorithm = 'CRC32' | 'CRC32C' | 'CRC64NVME';

export interface CrcPart {
  /** As the digests give it: 4 or 8 bytes, big-endian. */
  readonly digest: Buffer;
  /** In bytes. */
  readonly length: number;
}

/** The digest of all parts one after the other; of nothing, the digest of an empty object. */
export function combineCrcs(algorithm: CrcAlgorithm, parts: Iterable<CrcPart>): Buffer {
  const ring = rings[algorithm];
  let whole: Residue = { high: 0, low: 0 };
  for (const { digest, length } of parts) {
    if (digest.length !== ring.digestBytes) {
      throw new RangeError(`a ${algorithm} has ${ring.digestBytes} bytes, not ${digest.length}`);
    }
    const moved = ring.behind(whole, length);
    whole = {
      high: moved.high ^ digest.readInt32BE(0),
      low: ring.digestBytes === 8 ? moved.low ^ digest.readInt32BE(4) : 0,
    };
  }
  const combined = Buffer.alloc(8);
  combined.writeInt32BE(whole.high, 0);
  combined.writeInt32BE(whole.low, 4);
  return combined.subarray(0, ring.digestBytes);
}

/**
 * A polynomial of degree below 32 or 64, reflected: the top bit of `high` is the coefficient of x^0.
 * `low` is unused (zero) where the CRC has 32 bits. Both are signed: V8 makes an object of a larger number.
 */
interface Residue {
  readonly high: number;
  readonly low: number;
}

/**
 * Multiplication by one residue, looked up by bytes: entry 256 * n + v is the product with the residue whose
 * byte n, from the top, is v and all others zero. 16 KiB.
 */
interface Products {
  readonly high: Int32Array;
  readonly low: Int32Array;
}

class Ring {
  readonly digestBytes: 4 | 8;
  private readonly polynomial: Residue;
  /** Entry k is x^(2^k). */
  private readonly squares: Residue[] = [{ high: 0x40000000, low: 0 }];
  /** Entry k multiplies by x^(2^k); made when it is first wanted, some forty at most. */
  private readonly products: Products[] = [];

  constructor(digestBytes: 4 | 8, polynomial: Residue) {
    this.digestBytes = digestBytes;
    this.polynomial = polynomial;
  }

  /** Of bytes with that CRC: what they add to the CRC when `length` more bytes follow them. */
  behind({ high, low }: Residue, length: number): Residue {
    let movedHigh = high;
    let movedLow = low;
    // x^(8 * length), a power of two of it at a time: parts of 10,000 sizes cost no more than of one. Division,
    // not shifts: the length may need more than 32 bits.
    for (let rest = length, k = bitsOfByteLog2; rest > 0; rest = Math.floor(rest / 2), k++) {
      if (rest % 2 === 0) continue;
      const products = this.productsWith(k);
      let productHigh = 0;
      let productLow = 0;
      for (let byte = 0; byte < this.digestBytes; byte++) {
        const value = ((byte < 4 ? movedHigh : movedLow) >>> (24 - 8 * (byte & 3))) & 0xff;
        productHigh ^= products.high[256 * byte + value]!;
        productLow ^= products.low[256 * byte + value]!;
      }
      movedHigh = productHigh;
      movedLow = productLow;
    }
    return { high: movedHigh, low: movedLow };
  }

  private productsWith(k: number): Products {
    const known = this.products[k];
    if (known !== undefined) return known;
    const high = new Int32Array(256 * this.digestBytes);
    const low = new Int32Array(256 * this.digestBytes);
    let power = this.square(k);
    for (let byte = 0; byte < this.digestBytes; byte++) {
      const at = 256 * byte;
      for (let bit = 0x80; bit > 0; bit >>>= 1) {
        high[at + bit] = power.high;
        low[at + bit] = power.low;
        power = this.timesX(power);
      }
      for (let value = 1; value < 256; value++) {
        const lowest = value & -value;
        high[at + value] = high[at + value - lowest]! ^ high[at + lowest]!;
        low[at + value] = low[at + value - lowest]! ^ low[at + lowest]!;
      }
    }
    const products = { high, low };
    this.products[k] = products;
    return products;
  }

  private multiply(a: Residue, b: Residue): Residue {
    let power = b;
    let high = 0;
    let low = 0;
    for (let bit = 0; bit < this.digestBytes * 8; bit++) {
      const word = bit < 32 ? a.high : a.low;
      if ((word & (0x80000000 >>> (bit & 31))) !== 0) {
        high ^= power.high;
        low ^= power.low;
      }
      power = this.timesX(power);
    }
    return { high, low };
  }

  /** A shift to the right; what falls out is replaced by the polynomial. */
  private timesX({ high, low }: Residue): Residue {
    const { polynomial } = this;
    const isWide = this.digestBytes === 8;
    const carry = (isWide ? low : high) & 1;
    const shiftedLow = isWide ? (low >>> 1) | (high << 31) : 0;
    if (carry === 0) return { high: high >>> 1, low: shiftedLow };
    return { high: (high >>> 1) ^ polynomial.high, low: shiftedLow ^ polynomial.low };
  }

  private square(k: number): Residue {
    const known = this.squares[k];
    if (known !== undefined) return known;
    const before = this.square(k - 1);
    const square = this.multiply(before, before);
    this.squares[k] = square;
    return square;
  }
}

/** Reflected polynomials: CRC-32 of IEEE 802.3, CRC-32C of RFC 3720, CRC-64/NVME. */
const rings: Readonly<Record<CrcAlgorithm, Ring>> = {
  CRC32: new Ring(4, { high: 0xedb88320, low: 0 }),
  CRC32C: new Ring(4, { high: 0x82f63b78, low: 0 }),
  CRC64NVME: new Ring(8, {
    high: Number(crc64NvmePolynomial >> 32n),
    low: Number(crc64NvmePolynomial & 0xffffffffn),
  }),
};
