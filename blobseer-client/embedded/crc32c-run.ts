/**
 * The sum of records that lie one behind another, each with its own sum behind it (little-endian), told from
 * their lengths alone. A listing reads a thousand of them into one piece of memory: that the sum of the piece,
 * a single native call, is the one that they promise says of each that it is whole.
 *
 * This finds what their own sums find. A CRC is linear: wrong bits of one record change the sum of the run by
 * what they change its own by, moved over the bytes behind it, and the move loses nothing. Two damaged records
 * can undo each other, with one chance in 2^32.
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
/** Of lengths, those seen first: a quarter of a MiB, whatever a directory holds. */
const maxMoves = 64;
const zero = Buffer.alloc(1);

/** The sum of a run with one more whole record behind it, of so many bytes with its sum. That of no record is 0. */
export function sumWithRecord(sum: number, length: number): number {
  const move = length === last.length ? last.move : keptMove(length);
  const moved = move === undefined ? movedOver(length, sum) : applied(move, sum);
  return (moved ^ sumOfWhole) >>> 0;
}

/** Of records one behind another many are of one length. */
let last: { readonly length: number; readonly move: Move } = {
  length: 0,
  move: moveThat((sum) => sum),
};
const moves = new Map<number, Move>();

/** Undefined where there are as many already. */
function keptMove(length: number): Move | undefined {
  let move = moves.get(length);
  if (move === undefined) {
    if (moves.size === maxMoves) return undefined;
    move = moveThat((sum) => movedOver(length, sum));
    moves.set(length, move);
  }
  last = { length, move };
  return move;
}

/** Over 2^n bytes, at index n: for lengths without a move of their own, and to make those. */
const powers: Move[] = [];

function movedOver(length: number, sum: number): number {
  let result = sum;
  for (let power = 0, rest = length; rest > 0; power += 1, rest >>>= 1) {
    if ((rest & 1) === 1) result = applied(powers[power] ?? powerMove(power), result);
  }
  return result;
}

function powerMove(power: number): Move {
  while (powers.length <= power) {
    const half = powers.at(-1);
    powers.push(moveThat(half ? (sum) => applied(half, applied(half, sum)) : movedOverByte));
  }
  return powers[power]!;
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
