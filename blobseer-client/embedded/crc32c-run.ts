/**
 * The sum of records that lie one behind another, each with its own sum behind it (little-endian), told from
 * their lengths alone. A listing reads a thousand of them into one piece of memory: that the sum of the piece,
 * a single native call, is the one that they promise says of each that it is whole.
 *
 * This finds what their own sums find. A CRC is linear: wrong bits of one record change the sum of the run by
 * what they change its own by, moved over the bytes behind it, and the move loses nothing. Only damage to two
 * records or more can come out even, with a chance of one in 2^31.
 */
import { crc32c, crcBytes } from './crc32c.ts';

/**
 * What zero bytes behind make of a sum, by value of each of its bytes: what they make of the sum is what they
 * make of its bytes together. 4 KiB.
 */
type Move = Int32Array;

/** The sum of any bytes that have theirs behind them. */
const sumOfWhole = 0x48674bc7;
const byteValues = 256;
const digitBits = 4;
const digitMask = 15;
const zero = Buffer.alloc(1);

/** A length that so many records one behind the other have had gets a move of its own. */
const repeatsForOwnMove = 64;
let repeatedLength = -1;
let repeats = 0;
let ownMove: Move | undefined;

/** The sum of a run with one more whole record behind it, of so many bytes with its sum. That of no record is 0. */
export function sumWithRecord(sum: number, length: number): number {
  if (length !== repeatedLength) {
    repeatedLength = length;
    repeats = 0;
    ownMove = undefined;
  } else if (ownMove === undefined) {
    repeats += 1;
    if (repeats === repeatsForOwnMove) ownMove = moveThat((one) => movedOver(length, one));
  }
  const moved = ownMove === undefined ? movedOver(length, sum) : applied(ownMove, sum);
  return (moved ^ sumOfWhole) >>> 0;
}

/** Over d * 16^n bytes, at index 16 * n + d; made where they are wanted: for lengths below 4096, 180 KiB. */
const digitMoves: Move[] = [];

/** Hexadecimal digit by digit. */
function movedOver(length: number, sum: number): number {
  let result = sum;
  for (let first = 0, rest = length; rest > 0; first += digitMask + 1, rest >>>= digitBits) {
    const digit = rest & digitMask;
    if (digit > 0) result = applied(digitMoves[first + digit] ?? digitMove(first, digit), result);
  }
  return result;
}

function digitMove(first: number, digit: number): Move {
  const known = digitMoves[first + digit];
  if (known !== undefined) return known;
  const move = moveThat(changeOf(first, digit));
  digitMoves[first + digit] = move;
  return move;
}

function changeOf(first: number, digit: number): (sum: number) => number {
  if (first === 0 && digit === 1) return movedOverByte;
  // One more than a digit before it; 1 of a place is one more than the 15 of the place before.
  const [before, one] =
    digit > 1
      ? [digitMove(first, digit - 1), digitMove(first, 1)]
      : [digitMove(first - digitMask - 1, digitMask), digitMove(first - digitMask - 1, 1)];
  return (sum) => applied(one, applied(before, sum));
}

/** A CRC is inverted before and behind, which is not linear. */
function movedOverByte(sum: number): number {
  return ~crc32c(zero, 0, 1, ~sum);
}

/** `change` is linear: that of a sum is that of its bits together. */
function moveThat(change: (sum: number) => number): Move {
  const move = new Int32Array(crcBytes * byteValues);
  for (let byte = 0; byte < crcBytes; byte += 1) {
    const start = byte * byteValues;
    for (let value = 1; value < byteValues; value += 1) {
      const lowestBit = value & -value;
      const rest = value ^ lowestBit;
      move[start + value] =
        rest === 0 ? change(value << (8 * byte)) : move[start + lowestBit]! ^ move[start + rest]!;
    }
  }
  return move;
}

function applied(move: Move, sum: number): number {
  return (
    move[sum & 0xff]! ^
    move[byteValues + ((sum >>> 8) & 0xff)]! ^
    move[2 * byteValues + ((sum >>> 16) & 0xff)]! ^
    move[3 * byteValues + (sum >>> 24)]!
  );
}
