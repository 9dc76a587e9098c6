/**
 * MD5 (RFC 1321) of several messages at once. Each of its 64 steps needs the last one's result, so that one
 * message leaves most of a processor idle: OpenSSL makes some 0.7 GB/s, and so does `md5x1` here. Vectors of four
 * words take four messages through the same steps (`md5x4`, 2.2 GB/s together), and two such vectors in turn fill
 * the waits for each other (`md5x8`, 3.5 GB/s together).
 *
 * The functions are WebAssembly, assembled here. They take whole blocks; padding is the caller's.
 */
import {
  at,
  type Code,
  constI32,
  getLocal,
  instantiate,
  op,
  setLocal,
  teeLocal,
  times,
  type WasmFunction,
} from './wasm-assembler.ts';

export const blockBytes = 64;
export const stateBytes = 16;
/** What `hash` takes at once. */
export const maxWidth = 8;

/** A message on its way: addresses in the kernel's memory. */
export interface Lane {
  /** Of the running value: `stateBytes`, aligned to them. */
  readonly state: number;
  /** Of the next block. */
  readonly data: number;
}

export interface Md5Kernel {
  readonly memory: Uint8Array;
  /** Where the memory that the caller may use begins. */
  readonly freeFrom: number;
  /** Takes so many blocks of each of the lanes (1 to `maxWidth`) into its running value. */
  hash(lanes: readonly Lane[], blocks: number): void;
}

/** The running value of a message of which nothing was hashed yet. */
export const initialState: Uint8Array = Buffer.from('0123456789abcdeffedcba9876543210', 'hex');

const steps = 64;
const stepsPerRound = 16;
/** By round and by step modulo 4: how far a sum is rotated. */
const rotations = [
  [7, 12, 17, 22],
  [5, 9, 14, 20],
  [4, 11, 16, 23],
  [6, 10, 15, 21],
] as const;
const lanesPerVector = 4;
const vectorBytes = 16;
const wordBytes = 4;

// Memory: the constants of the steps, each in all words of a vector; of each vector of messages the words of a
// block, one vector for each word; a running value for lanes that nobody uses.
const scratchOffset = steps * vectorBytes;
const scratchBytes = stepsPerRound * vectorBytes;
const unusedState = scratchOffset + (maxWidth / lanesPerVector) * scratchBytes;
const freeFrom = unusedState + blockBytes;

export function createMd5Kernel(freeBytes: number): Md5Kernel {
  const functions = [scalarFunction(), vectorFunction(1), vectorFunction(2)];
  const { memory, call } = instantiate(functions, freeFrom + freeBytes);
  const words = new Uint32Array(memory, 0, scratchOffset / wordBytes);
  for (let step = 0; step < steps; step++) {
    words.fill(constantOf(step), step * lanesPerVector, (step + 1) * lanesPerVector);
  }
  const { md5x1, md5x4, md5x8 } = call;
  if (md5x1 === undefined || md5x4 === undefined || md5x8 === undefined) {
    throw new Error('the module lacks a function');
  }
  return {
    memory: new Uint8Array(memory),
    freeFrom,
    hash(lanes, blocks) {
      const [first] = lanes;
      if (first === undefined) return;
      if (lanes.length === 1) {
        md5x1(blocks, first.state, first.data);
        return;
      }
      const isNarrow = lanes.length <= lanesPerVector;
      const width = isNarrow ? lanesPerVector : maxWidth;
      const parameters = [blocks];
      for (let lane = 0; lane < width; lane++) {
        const { state, data } = lanes[lane] ?? { state: unusedState, data: first.data };
        parameters.push(state, data);
      }
      (isNarrow ? md5x4 : md5x8)(...parameters);
    },
  };
}

function constantOf(step: number): number {
  return Math.floor(2 ** 32 * Math.abs(Math.sin(step + 1)));
}

/** One word, or four of them side by side: what stands on the stack is replaced by the result. */
interface Arithmetic {
  readonly add: Code;
  readonly and: Code;
  readonly or: Code;
  readonly xor: Code;
  readonly not: Code;
  /** The first and not the second. */
  readonly andNot: Code;
  rotateLeft(bits: number): Code;
}

const scalar: Arithmetic = {
  add: op.i32Add,
  and: op.i32And,
  or: op.i32Or,
  xor: op.i32Xor,
  not: [...constI32(-1), ...op.i32Xor],
  andNot: [...constI32(-1), ...op.i32Xor, ...op.i32And],
  rotateLeft: (bits) => [...constI32(bits), ...op.i32Rotl],
};

function vector(temporary: number): Arithmetic {
  return {
    add: op.i32x4Add,
    and: op.v128And,
    or: op.v128Or,
    xor: op.v128Xor,
    not: op.v128Not,
    andNot: op.v128AndNot,
    rotateLeft: (bits) => [
      ...[...teeLocal(temporary), ...constI32(bits), ...op.i32x4Shl],
      ...[...getLocal(temporary), ...constI32(32 - bits), ...op.i32x4ShrU, ...op.v128Or],
    ],
  };
}

/** Locals of the running value, and of what it was before the block. */
type State = readonly [a: number, b: number, c: number, d: number];
const places = [0, 1, 2, 3] as const;

function stateFrom(first: number): State {
  return [first, first + 1, first + 2, first + 3];
}

/** One step: a = b + rotated(a + f(b, c, d) + word + constant), with the four locals in turn as a. */
function stepOf(
  step: number,
  state: State,
  { word, constant }: { readonly word: (index: number) => Code; readonly constant: Code },
  { add, and, or, xor, not, andNot, rotateLeft }: Arithmetic,
): Code {
  const round = Math.floor(step / stepsPerRound);
  const local = (place: number) => state[(place + 4 - (step % 4)) % 4] ?? 0;
  const [b, c, d] = [getLocal(local(1)), getLocal(local(2)), getLocal(local(3))];
  // b is the result of the step before: what does not need it is done first.
  const functions: readonly Code[] = [
    [...d, ...b, ...c, ...d, ...xor, ...and, ...xor, ...add],
    [...c, ...d, ...andNot, ...add, ...b, ...d, ...and, ...add],
    [...b, ...c, ...d, ...xor, ...xor, ...add],
    [...c, ...b, ...d, ...not, ...or, ...xor, ...add],
  ];
  const wordIndex = [step, 5 * step + 1, 3 * step + 5, 7 * step][round] ?? 0;
  return [
    ...[...getLocal(local(0)), ...word(wordIndex % stepsPerRound), ...add, ...constant, ...add],
    ...(functions[round] ?? []),
    ...rotateLeft(rotations[round]?.[step % 4] ?? 0),
    ...[...b, ...add, ...setLocal(local(0))],
  ];
}

function keep(state: State, kept: State): Code {
  return places.flatMap((place) => [...getLocal(state[place]), ...setLocal(kept[place])]);
}

function addKept(state: State, kept: State, { add }: Arithmetic): Code {
  return places.flatMap((place) => [
    ...[...getLocal(state[place]), ...getLocal(kept[place]), ...add, ...setLocal(state[place])],
  ]);
}

/** For each block: the statements, then the addresses up by a block. The number of blocks is local 0. */
function forEachBlock(addresses: readonly number[], statements: Code): Code {
  return times(0, [
    ...statements,
    ...addresses.flatMap((address) => [
      ...[...getLocal(address), ...constI32(blockBytes), ...op.i32Add, ...setLocal(address)],
    ]),
  ]);
}

/** `md5x1(blocks, state, data)`. */
function scalarFunction(): WasmFunction {
  const [stateAddress, data] = [1, 2];
  const state = stateFrom(3);
  const kept = stateFrom(7);
  const block = Array.from({ length: steps }, (_, step) =>
    stepOf(
      step,
      state,
      {
        word: (index) => [...getLocal(data), ...at(op.i32Load, index * wordBytes)],
        // n | 0: the same 32 bits as a number with a sign.
        constant: constI32(constantOf(step) | 0),
      },
      scalar,
    ),
  );
  return {
    name: 'md5x1',
    parameters: 3,
    locals: { type: 'i32', count: 8 },
    body: [
      ...places.flatMap((place) => [
        ...[...getLocal(stateAddress), ...at(op.i32Load, place * wordBytes)],
        ...setLocal(state[place]),
      ]),
      ...forEachBlock(
        [data],
        [...keep(state, kept), ...block.flat(), ...addKept(state, kept, scalar)],
      ),
      ...places.flatMap((place) => [
        ...[...getLocal(stateAddress), ...getLocal(state[place])],
        ...at(op.i32Store, place * wordBytes),
      ]),
    ],
  };
}

/** `md5x4` and `md5x8`: (blocks, then state and data of each lane). */
function vectorFunction(vectors: 1 | 2): WasmFunction {
  const lanes = vectors * lanesPerVector;
  const parameters = 1 + 2 * lanes;
  const stateOf = (lane: number) => 1 + 2 * lane;
  const dataOf = (lane: number) => 2 + 2 * lane;
  const groups = Array.from({ length: vectors }, (_, index) => ({
    lanes: stateFrom(index * lanesPerVector),
    state: stateFrom(parameters + 8 * index),
    kept: stateFrom(parameters + 8 * index + 4),
    scratch: scratchOffset + index * scratchBytes,
  }));
  const temporaries = parameters + 8 * vectors;
  const arithmetic = vector(temporaries);
  const load = (address: number) => [...constI32(0), ...at(op.v128Load, address)];
  const words = groups.flatMap(({ lanes: own, scratch }) =>
    [0, 16, 32, 48].flatMap((quarter) =>
      transposed(
        own.map((lane) => [...getLocal(dataOf(lane)), ...at(op.v128Load, quarter)]),
        (row, value) => [
          ...[...constI32(0), ...value],
          ...at(op.v128Store, scratch + lanesPerVector * quarter + vectorBytes * row),
        ],
        temporaries,
      ),
    ),
  );
  const block = Array.from({ length: steps }, (_, step) =>
    groups.flatMap(({ state, scratch }) =>
      stepOf(
        step,
        state,
        {
          word: (index) => load(scratch + index * vectorBytes),
          constant: load(step * vectorBytes),
        },
        arithmetic,
      ),
    ),
  );
  return {
    name: `md5x${lanes}`,
    parameters,
    locals: { type: 'v128', count: 8 * vectors + 8 },
    body: [
      ...groups.flatMap(({ lanes: own, state }) =>
        transposed(
          own.map((lane) => [...getLocal(stateOf(lane)), ...at(op.v128Load, 0)]),
          (row, value) => [...value, ...setLocal(state[row])],
          temporaries,
        ),
      ),
      ...forEachBlock(
        Array.from({ length: lanes }, (_, lane) => dataOf(lane)),
        [
          ...words,
          ...groups.flatMap(({ state, kept }) => keep(state, kept)),
          ...block.flat(),
          ...groups.flatMap(({ state, kept }) => addKept(state, kept, arithmetic)),
        ],
      ),
      ...groups.flatMap(({ lanes: own, state }) =>
        transposed(
          state.map((local) => getLocal(local)),
          (row, value) => [...getLocal(stateOf(own[row])), ...value, ...at(op.v128Store, 0)],
          temporaries,
        ),
      ),
    ],
  };
}

/** Four rows of four words become four columns; eight temporary locals. */
function transposed(
  rows: readonly Code[],
  take: (row: (typeof places)[number], value: Code) => Code,
  temporaries: number,
): Code {
  const row = (index: number) => getLocal(temporaries + index);
  const half = (index: number) => getLocal(temporaries + 4 + index);
  const shuffled = (one: Code, other: Code, words: readonly number[]) => [
    ...[...one, ...other, ...op.i8x16Shuffle],
    ...words.flatMap((word) => [0, 1, 2, 3].map((byte) => word * wordBytes + byte)),
  ];
  const low = [0, 4, 1, 5];
  const high = [2, 6, 3, 7];
  const firsts = [0, 1, 4, 5];
  const seconds = [2, 3, 6, 7];
  return [
    ...rows.flatMap((code, index) => [...code, ...setLocal(temporaries + index)]),
    ...[...shuffled(row(0), row(1), low), ...setLocal(temporaries + 4)],
    ...[...shuffled(row(0), row(1), high), ...setLocal(temporaries + 5)],
    ...[...shuffled(row(2), row(3), low), ...setLocal(temporaries + 6)],
    ...[...shuffled(row(2), row(3), high), ...setLocal(temporaries + 7)],
    ...take(0, shuffled(half(0), half(2), firsts)),
    ...take(1, shuffled(half(0), half(2), seconds)),
    ...take(2, shuffled(half(1), half(3), firsts)),
    ...take(3, shuffled(half(1), half(3), seconds)),
  ];
}
