/** What a command has around it, passed in so that tests can look at it. */
export interface Terminal {
  /** Writes a text to stdout, a newline behind it. */
  print(text: string): void;
  /** Writes a text to stderr, a newline behind it. */
  complain(text: string): void;
  /** Draws over the current line of stderr; does nothing where that is no terminal. */
  redraw(text: string): void;
  readStdin(): Promise<string>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly workingDirectory: string;
}

export const exitStatus = { ok: 0, failed: 1, usage: 2 } as const;

export function systemTerminal(): Terminal {
  const { stdout, stderr, stdin } = process;
  // Whoever reads our output may have gone (`| head`): that is no error of ours.
  stdout.on('error', () => undefined);
  stderr.on('error', () => undefined);
  return {
    print: (text) => void stdout.write(`${text}\n`),
    complain: (text) => void stderr.write(`${text}\n`),
    redraw(text) {
      if (stderr.isTTY) stderr.write(`\r\u001b[K${text}`);
    },
    async readStdin() {
      const pieces: Buffer[] = [];
      for await (const piece of stdin) pieces.push(Buffer.from(piece));
      return Buffer.concat(pieces).toString();
    },
    environment: process.env,
    workingDirectory: process.cwd(),
  };
}
