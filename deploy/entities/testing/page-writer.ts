/**
 * A program that writes and releases pages until it is killed, and says what was acknowledged: a line each,
 * `write KEY LENGTH FILL` or `release KEY`, after one that says `begin` and the same when it was begun.
 *   node page-writer.js DIRECTORY SEED
 */
import { writeSync } from 'node:fs';
import path from 'node:path';
import { MemoryBudget } from '../memory-budget.ts';
import { PageStore } from '../page-store.ts';
import { openState } from '../state.ts';

const lanes = 6;
const segmentBytes = 300_000;
/** Of each lane; so that pages are replaced and released all the time. */
const keysOfLane = 40;
const sizes = [10, 900, 5000, 70_000];

const [directory = '', seed = '0'] = process.argv.slice(2);
const fail = (error: unknown): never => {
  throw error;
};
const state = await openState({ directory, role: 'test', onStopped: fail });
const store = await PageStore.open({
  state,
  directory: path.join(directory, 'pages'),
  spaceBytes: 2 ** 40,
  memory: new MemoryBudget(2 ** 26),
  onFailed: (error) => process.stderr.write(`${error}\n`),
  segmentBytes,
});

/** Written at once: a line that is only buffered would be lost with the program. */
const say = (line: string) => writeSync(1, `${line}\n`);

async function lane(number: number): Promise<void> {
  for (let step = Number(seed); ; step++) {
    const key = Buffer.alloc(16, number);
    key.writeUInt32LE((step * 7) % keysOfLane, 8);
    const name = key.toString('hex');
    if (step % 3 === 2) {
      say(`begin release ${name}`);
      await store.release([key]);
      say(`release ${name}`);
      continue;
    }
    const length = sizes[(step + number) % sizes.length]!;
    const fill = step % 251;
    say(`begin write ${name} ${length} ${fill}`);
    await store.write([[key, Buffer.alloc(length, fill)]]);
    say(`write ${name} ${length} ${fill}`);
  }
}

await Promise.all(Array.from({ length: lanes }, (_, number) => lane(number + 1)));
