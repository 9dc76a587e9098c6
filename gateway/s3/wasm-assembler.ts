/**
 * Just enough of a WebAssembly assembler to write inner loops by hand where JavaScript has no fast 64-bit
 * integers and no vectors. Functions take i32 parameters and return nothing.
 * Source: WebAssembly Core Specification 2.0, chapter 5 (binary format).
 */

/** Opcodes, section 5.4. */
export const op = {
  loop: [0x03],
  if: [0x04],
  end: [0x0b],
  br: [0x0c],
  brIf: [0x0d],
  localGet: [0x20],
  localSet: [0x21],
  localTee: [0x22],
  i32Load: [0x28],
  i64Load: [0x29],
  i32Load8U: [0x2d],
  i32Store: [0x36],
  i64Store: [0x37],
  i32Const: [0x41],
  i64Const: [0x42],
  i32LtU: [0x49],
  i32GeU: [0x4f],
  i32Add: [0x6a],
  i32Sub: [0x6b],
  i32And: [0x71],
  i32Or: [0x72],
  i32Xor: [0x73],
  i32Shl: [0x74],
  i32Rotl: [0x77],
  i64Xor: [0x85],
  i64ShrU: [0x88],
  i32WrapI64: [0xa7],
  v128Load: [0xfd, 0x00],
  v128Store: [0xfd, 0x0b],
  i8x16Shuffle: [0xfd, 0x0d],
  v128Not: [0xfd, 0x4d],
  v128And: [0xfd, 0x4e],
  v128AndNot: [0xfd, 0x4f],
  v128Or: [0xfd, 0x50],
  v128Xor: [0xfd, 0x51],
  i32x4Shl: [0xfd, 0xab, 0x01],
  i32x4ShrU: [0xfd, 0xad, 0x01],
  i32x4Add: [0xfd, 0xae, 0x01],
} as const;

export type Code = readonly number[];

const type = { i32: 0x7f, i64: 0x7e, v128: 0x7b, func: 0x60, none: 0x40 } as const;

export function getLocal(index: number): number[] {
  return [...op.localGet, index];
}

export function setLocal(index: number): number[] {
  return [...op.localSet, index];
}

export function teeLocal(index: number): number[] {
  return [...op.localTee, index];
}

export function constI32(value: number): number[] {
  return [...op.i32Const, ...leb(value)];
}

export function constI64(value: number): number[] {
  return [...op.i64Const, ...leb(value)];
}

/** A load or store at the address on the stack plus `offset`; it need not be aligned. */
export function at(access: Code, offset: number): number[] {
  return [...access, 0, ...leb(offset)];
}

/** While local `left` is at least `step`: the statements, then `left` down by `step`. */
export function whileAtLeast(left: number, step: number, statements: Code): number[] {
  return [
    ...[...op.loop, type.none],
    ...[...getLocal(left), ...constI32(step), ...op.i32GeU, ...op.if, type.none],
    ...statements,
    ...[...getLocal(left), ...constI32(step), ...op.i32Sub, ...setLocal(left)],
    ...[...op.br, 1, ...op.end, ...op.end],
  ];
}

/** At least once, and until local `at` has reached local `end`: the statements, then `at` up by `step`. */
export function upTo(at: number, end: number, step: number, statements: Code): number[] {
  return [
    ...[...op.loop, type.none],
    ...statements,
    ...[...getLocal(at), ...constI32(step), ...op.i32Add, ...op.localTee, at],
    ...[...getLocal(end), ...op.i32LtU, ...op.brIf, 0, ...op.end],
  ];
}

/**
 * So many times as local `left` says, which must be once or more: the statements. Leaves zero in it. For long
 * statements: with its condition at the end the compiler keeps more locals in registers.
 */
export function times(left: number, statements: Code): number[] {
  return [
    ...[...op.loop, type.none],
    ...statements,
    ...[...getLocal(left), ...constI32(1), ...op.i32Sub, ...op.localTee, left],
    ...[...op.brIf, 0, ...op.end],
  ];
}

export interface WasmFunction {
  readonly name: string;
  readonly parameters: number;
  /** All of one type; numbered after the parameters. */
  readonly locals: { readonly type: 'i32' | 'i64' | 'v128'; readonly count: number };
  readonly body: Code;
}

export interface WasmExports {
  /** As many bytes as asked for, rounded up to pages of 64 KiB; zeros at first. */
  readonly memory: ArrayBuffer;
  readonly call: Readonly<Record<string, (...parameters: number[]) => void>>;
}

/** What is used of it; the project's library setting is without the DOM, which declares them. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
  readonly validate: (bytes: Uint8Array) => boolean;
};

const pageBytes = 64 * 1024;

export function instantiate(functions: readonly WasmFunction[], memoryBytes: number): WasmExports {
  const module = new WebAssembly.Module(assemble(functions, Math.ceil(memoryBytes / pageBytes)));
  const { memory, ...call } = new WebAssembly.Instance(module).exports as {
    readonly memory: { readonly buffer: ArrayBuffer };
  } & WasmExports['call'];
  return { memory: (memory as { readonly buffer: ArrayBuffer }).buffer, call };
}

function assemble(functions: readonly WasmFunction[], memoryPages: number): Uint8Array {
  const name = (text: string) => vector([...Buffer.from(text)].map((byte) => [byte]));
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(
      1,
      functions.map(({ parameters }) => [
        type.func,
        ...vector(Array(parameters).fill([type.i32])),
        ...vector([]),
      ]),
    ),
    ...section(
      3,
      functions.map((_, index) => leb(index)),
    ),
    ...section(5, [[0x00, ...leb(memoryPages)]]),
    ...section(7, [
      [...name('memory'), 0x02, 0],
      ...functions.map((each, index) => [...name(each.name), 0x00, ...leb(index)]),
    ]),
    ...section(
      10,
      functions.map(({ locals, body }) => {
        const declared = vector([[...leb(locals.count), type[locals.type]]]);
        const code = [...declared, ...body, ...op.end];
        return [...leb(code.length), ...code];
      }),
    ),
  ]);
}

function section(id: number, entries: readonly Code[]): number[] {
  const content = vector(entries);
  return [id, ...leb(content.length), ...content];
}

function vector(entries: readonly Code[]): number[] {
  return [...leb(entries.length), ...entries.flat()];
}

/**
 * LEB128, of what 32 bits with a sign can hold. Signed and unsigned agree for what is not negative as long as the
 * last byte's bit 6 is clear, which is seen to.
 */
function leb(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 0x3f || rest < -0x40) {
    bytes.push((rest & 0x7f) | 0x80);
    rest >>= 7;
  }
  return [...bytes, rest & 0x7f];
}

/** Processors without the vectors of WebAssembly (x86 before SSE4.1) refuse every module that has one. */
export const hasVectors: boolean = WebAssembly.validate(
  assemble([{ name: 'f', parameters: 0, locals: { type: 'v128', count: 1 }, body: [] }], 1),
);
