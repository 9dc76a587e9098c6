/**
 * The CRC of a whole from the CRCs of its parts, without reading a byte: how a multipart upload gets a
 * FULL_OBJECT checksum. crc(A then B) = crc(A) * x^(8 * length of B) + crc(B) in the polynomials over
 * GF(2) modulo the CRC's polynomial (the method of zlib's crc32_combine).
 */
import { crc64NvmePolynomial } from './crc64nvme.ts';

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
  const shifts = new Map<number, Residue>();
  let whole: Residue = { high: 0, low: 0 };
  for (const { digest, length } of parts) {
    if (digest.length !== ring.digestBytes) {
      throw new RangeError(`a ${algorithm} has ${ring.digestBytes} bytes, not ${digest.length}`);
    }
    // Parts but the last are nearly always of one size: the power of x is found once.
    let shift = shifts.get(length);
    if (shift === undefined) {
      shift = ring.powerOfX(length * 8);
      shifts.set(length, shift);
    }
    const moved = ring.multiply(whole, shift);
    whole = {
      high: (moved.high ^ digest.readUInt32BE(0)) >>> 0,
      low: ring.digestBytes === 8 ? (moved.low ^ digest.readUInt32BE(4)) >>> 0 : 0,
    };
  }
  const combined = Buffer.alloc(8);
  combined.writeUInt32BE(whole.high, 0);
  combined.writeUInt32BE(whole.low, 4);
  return combined.subarray(0, ring.digestBytes);
}

/**
 * A polynomial of degree below 32 or 64, reflected: the top bit of `high` is the coefficient of x^0.
 * `low` is unused (zero) where the CRC has 32 bits.
 */
interface Residue {
  readonly high: number;
  readonly low: number;
}

class Ring {
  readonly digestBytes: 4 | 8;
  private readonly polynomial: Residue;
  /** Entry k is x^(2^k). */
  private readonly squares: Residue[] = [{ high: 0x40000000, low: 0 }];

  constructor(digestBytes: 4 | 8, polynomial: Residue) {
    this.digestBytes = digestBytes;
    this.polynomial = polynomial;
  }

  multiply(a: Residue, b: Residue): Residue {
    const { polynomial } = this;
    const wide = this.digestBytes === 8;
    let { high, low } = b;
    let productHigh = 0;
    let productLow = 0;
    for (let bit = 0; bit < this.digestBytes * 8; bit++) {
      const word = bit < 32 ? a.high : a.low;
      if ((word & (0x80000000 >>> (bit & 31))) !== 0) {
        productHigh ^= high;
        productLow ^= low;
      }
      // Times x: a shift to the right; what falls out is replaced by the polynomial.
      const carry = (wide ? low : high) & 1;
      if (wide) low = (low >>> 1) | (high << 31);
      high >>>= 1;
      if (carry !== 0) {
        high ^= polynomial.high;
        low ^= polynomial.low;
      }
    }
    return { high: productHigh >>> 0, low: productLow >>> 0 };
  }

  powerOfX(exponent: number): Residue {
    let power: Residue = { high: 0x80000000, low: 0 };
    // Division, not shifts: 8 times the length of a large part needs more than 32 bits.
    for (let rest = exponent, k = 0; rest > 0; rest = Math.floor(rest / 2), k++) {
      if (rest % 2 === 1) power = this.multiply(power, this.square(k));
    }
    return power;
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
