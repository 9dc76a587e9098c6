/** A program that keeps pages is killed again and again: what it acknowledged stays so, released or stored. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { PageStoreFolder } from './testing/page-stores.ts';

const writer = path.join(import.meta.dirname, 'testing/page-writer.js');
const rounds = 5;
const acknowledgedPerRound = 1500;

/** What may be under a key: undefined for no page. */
type Possible = (Buffer | undefined)[];

/** Notes what the program says, until it has acknowledged enough and is killed. */
async function runUntilKilled(
  directory: string,
  seed: number,
  pages: Map<string, Possible>,
): Promise<void> {
  const child = spawn(process.execPath, [writer, directory, `${seed}`], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let complaints = '';
  child.stderr.on('data', (chunk) => {
    complaints += `${chunk}`;
  });
  const closed = once(child, 'close');
  let acknowledged = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    const words = line.split(' ');
    const hasBegun = words[0] === 'begin';
    const [kind, name = '', length, fill] = hasBegun ? words.slice(1) : words;
    const page = kind === 'write' ? Buffer.alloc(Number(length), Number(fill)) : undefined;
    if (hasBegun) pages.set(name, [...(pages.get(name) ?? [undefined]), page]);
    else pages.set(name, [page]);
    if (!hasBegun) acknowledged++;
    if (acknowledged === acknowledgedPerRound) child.kill('SIGKILL');
  }
  await closed;
  assert.equal(child.signalCode, 'SIGKILL', complaints);
  assert.equal(complaints, '');
}

test('what was acknowledged is found after a kill, and what was released is not', async () => {
  await using folder = await PageStoreFolder.make();
  const pages = new Map<string, Possible>();
  for (let round = 0; round < rounds; round++) {
    await runUntilKilled(folder.directory, round * 1000, pages);
    const store = await folder.open({ segmentBytes: 300_000 });
    let found = 0;
    let bytes = 0;
    for (const [name, possible] of pages) {
      const page = await store.read(Buffer.from(name, 'hex'));
      const isPossible = possible.some((one) =>
        one === undefined || page === undefined ? one === page : one.equals(page),
      );
      assert.ok(isPossible, `page ${name} in round ${round}`);
      pages.set(name, [page]);
      if (page === undefined) continue;
      found++;
      bytes += page.length;
    }
    assert.ok(found > 20 && found < pages.size);
    assert.equal((await store.list(undefined, 4096)).length, found);
    assert.deepEqual([store.pageCount, store.usedBytes], [found, bytes]);
    await folder.close();
  }
});
