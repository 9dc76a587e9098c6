/**
 * Just enough of a WebAssembly assembler to write inner loops by hand where JavaScript has no fast 64-bit
 * integers. Functions take i32 parameters and return nothing.
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
  i64Load: [0x29],
  i32Load8U: [0x2d],
  i64Store: [0x37],
  i32Const: [0x41],
  i64Const: [0x42],
  i32LtU: [0x49],
  i32GeU: [0x4f],
  i32Add: [0x6a],
  i32Sub: [0x6b],
  i32And: [0x71],
  i32Xor: [0x73],
  i32Shl: [0x74],
  i64Xor: [0x85],
  i64ShrU: [0x88],
  i32WrapI64: [0xa7],
  v128Load: [0xfd, 0x00],
  v128Store: [0xfd, 0x0b],
  v128Xor: [0xfd, 0x51],
} as const;

type Code = readonly number[];

const type = { i32: 0x7f, i64: 0x7e, func: 0x60, none: 0x40 } as const;

export function getLocal(index: number): number[] {
  return [...op.localGet, index];
}

export function setLocal(index: number): number[] {
  return [...op.localSet, index];
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

export interface WasmFunction {
  readonly name: string;
  readonly parameters: number;
  /** Of 64 bits, numbered after the parameters. */
  readonly locals: number;
  readonly body: Code;
}

export interface WasmExports {
  /** As many bytes as asked for, rounded up to pages of 64 KiB; zeros at first. */
  readonly memory: ArrayBuffer;
  readonly call: Readonly<Record<string, (...parameters: number[]) => void>>;
}

/** The two constructors used; the project's library setting is without the DOM, which declares them. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
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
        const declared = locals === 0 ? vector([]) : vector([[...leb(locals), type.i64]]);
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

/** LEB128. Signed and unsigned agree as long as the last byte's bit 6 is clear, which is seen to. */
function leb(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 0x3f) {
    bytes.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  return [...bytes, rest];
}
