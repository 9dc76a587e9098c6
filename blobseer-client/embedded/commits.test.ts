import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, test } from 'node:test';
import { BlobSeerError } from '../errors.ts';
import type { Repeating, Transaction } from '../store.ts';
import { type CommitStore, Commits } from './commits.ts';
import { Environment } from './environment.ts';

/** What else this process has to do says where commits are made: in LMDB's thread, or in this one. */
type Place = 'elsewhere' | 'here';
const requestsInProgress = { elsewhere: () => Number.POSITIVE_INFINITY, here: () => 0 };

/** Commits that are added at once, and so wait together. */
async function together(
  place: Place,
  run: (
    put: (name: string, repeating?: Repeating, fault?: 'before' | 'after') => Promise<number>,
    environment: Environment,
  ) => Promise<void>,
): Promise<{ runs: string; kept: string; rows: string }> {
  const directory = await mkdtemp(path.join(tmpdir(), 'commits-'));
  const environment = new Environment({
    file: path.join(directory, 'blobseer.mdb'),
    requestsInProgress: requestsInProgress[place],
  });
  const table = environment.table('t');
  let runs = '';
  let kept = '';
  try {
    await run((name, repeating, fault) => {
      const work = (transaction: Transaction): number => {
        runs += name;
        transaction.onKept(() => {
          kept += name;
        });
        if (fault === 'before') throw new Error(`${name} throws`);
        transaction.put(table, Buffer.from(name), Buffer.from(name));
        if (fault === 'after') throw new Error(`${name} throws`);
        return transaction.sequence;
      };
      return environment.commit(work, repeating);
    }, environment);
    environment.refresh();
    const rows = table.keys({ limit: 99 }).map(String).join('');
    return { runs, kept, rows };
  } finally {
    await environment.close();
    await rm(directory, { recursive: true });
  }
}

for (const place of ['elsewhere', 'here'] as const) {
  describe(`made ${place}`, () => {
    test('repeatable commits that wait together run once, in order', async () => {
      const seen = await together(place, async (put) => {
        const numbers = ['a', 'b', 'c'].map((name) => put(name, 'repeatable'));
        assert.deepEqual(await Promise.all(numbers), [1, 2, 3]);
      });
      assert.deepEqual(seen, { runs: 'abc', kept: 'abc', rows: 'abc' });
    });

    test('one that throws behind its writes is undone alone; the others run again', async () => {
      const seen = await together(place, async (put, environment) => {
        const good = [put('a', 'repeatable'), put('b', 'repeatable')];
        const bad = put('c', 'repeatable', 'after');
        good.push(put('d', 'repeatable'));
        await assert.rejects(bad, /c throws/);
        assert.deepEqual(await Promise.all(good), [1, 2, 3], 'the undone commit took no number');
        environment.refresh();
        assert.equal(environment.sequence(), 3);
        assert.equal(await put('e', 'repeatable'), 4);
      });
      assert.deepEqual(seen, { runs: 'abcabcde', kept: 'abde', rows: 'abde' });
    });

    test('one that throws before it has written costs the others nothing', async () => {
      const seen = await together(place, async (put) => {
        const good = put('a', 'repeatable');
        const bad = put('b', 'repeatable', 'before');
        const alsoGood = put('c', 'repeatable');
        await assert.rejects(bad, /b throws/);
        assert.deepEqual(await Promise.all([good, alsoGood]), [1, 2]);
      });
      assert.deepEqual(seen, { runs: 'abc', kept: 'ac', rows: 'ac' });
    });

    test('what is not repeatable runs once, whoever throws beside it', async () => {
      const seen = await together(place, async (put) => {
        const good = [put('a', 'repeatable'), put('b')];
        const bad = [put('c', undefined, 'after'), put('d', 'repeatable', 'after')];
        good.push(put('e'), put('f', 'repeatable'));
        for (const one of bad) await assert.rejects(one, /throws/);
        assert.deepEqual(await Promise.all(good), [1, 2, 3, 4]);
      });
      assert.deepEqual(seen, { runs: 'abcdef', kept: 'abef', rows: 'abef' });
    });

    test('a commit that work adds comes behind it, and is as durable', async () => {
      const seen = await together(place, async (put, environment) => {
        let inner: Promise<number> | undefined;
        const outer = environment.commit((transaction) => {
          inner = put('b');
          return transaction.sequence;
        });
        const beside = put('a');
        assert.deepEqual([await outer, await beside, await inner], [1, 2, 3]);
      });
      assert.deepEqual(seen, { runs: 'ab', kept: 'ab', rows: 'ab' });
    });
  });
}

/** It has no rows and does not fail. */
const plainStore: Omit<CommitStore, 'transaction' | 'transactionHere' | 'isAllIdle'> = {
  childTransaction: (write) => write(),
  put: () => undefined,
  remove: () => false,
  sequence: () => 0,
  putSequence: () => undefined,
  onBegin: () => undefined,
  stop: (cause) => new BlobSeerError('stopped', String(cause)),
  failure: () => undefined,
};

/** A store whose transactions end as the test says, in their order. */
function failing(parts: {
  readonly flush: readonly boolean[];
  readonly child?: () => void;
  readonly isAllIdle?: (waiting: number) => boolean;
}) {
  let failure: BlobSeerError | undefined;
  let begun = 0;
  const store: CommitStore = {
    ...plainStore,
    transaction: async (write) => {
      const isFlushed = parts.flush[begun++];
      write();
      await new Promise((resolve) => setImmediate(resolve));
      if (isFlushed === false) throw new Error('EIO');
    },
    transactionHere: (write) => {
      write();
      if (parts.flush[begun++] === false) throw new Error('EIO');
    },
    isAllIdle: parts.isAllIdle ?? (() => false),
    childTransaction: (write) => {
      parts.child?.();
      write();
    },
    stop: (cause) => {
      failure ??= new BlobSeerError('stopped', `storage has stopped: ${String(cause)}`);
      return failure;
    },
    failure: () => failure,
  };
  return new Commits(store);
}

test('nothing is acknowledged that was flushed behind a failed flush', async () => {
  const commits = failing({ flush: [false, true] });
  const first = commits.add(() => 1, true);
  const second = commits.add(() => 2, true);
  await assert.rejects(first, /EIO/);
  await assert.rejects(second, /EIO/);
});

test('where LMDB itself fails nothing runs again, and nothing is acknowledged', async () => {
  let children = 0;
  const commits = failing({
    flush: [true],
    child: () => {
      children += 1;
      if (children === 1) throw new Error('MDB_PANIC');
    },
  });
  const outer = commits.add(() => {
    throw new Error('never runs');
  }, true);
  const beside = commits.add(() => 2, true);
  await assert.rejects(outer, /MDB_PANIC/);
  await assert.rejects(beside, /MDB_PANIC/);
  assert.equal(children, 1);
});

test('nothing is acknowledged whose flush failed here, nor anything made after it', async () => {
  const commits = failing({ flush: [false, true], isAllIdle: () => true });
  let inner: Promise<unknown> = Promise.resolve();
  const runs: string[] = [];
  const outer = commits.add(() => {
    inner = commits.add(() => runs.push('inner'), true);
    inner.catch(() => undefined);
    return 1;
  }, true);
  const group = [outer, commits.add(() => 2, true)];
  for (const one of group) await assert.rejects(one, /EIO/);
  await assert.rejects(inner, /EIO/);
  assert.deepEqual(runs, []);
  await assert.rejects(
    commits.add(() => 3, true),
    /EIO/,
  );
});

test('a commit is made here only where all that goes on waits for it', async () => {
  const places: string[] = [];
  let others = 0;
  const store = {
    ...plainStore,
    transaction: async (write: () => void) => {
      places.push('elsewhere');
      write();
      await new Promise((resolve) => setImmediate(resolve));
    },
    transactionHere: (write: () => void) => {
      places.push('here');
      write();
    },
    isAllIdle: (waiting: number) => waiting >= 1 + others,
  };
  const commits = new Commits(store);
  assert.equal(await commits.add(() => 'alone', true), 'alone');
  others = 1;
  await commits.add(() => undefined, true);
  const two = [1, 2].map((each) => commits.add(() => each, true));
  assert.deepEqual(await Promise.all(two), [1, 2]);
  assert.deepEqual(places, ['here', 'elsewhere', 'here']);
});

/** Where commits are made whose waiting for lock and disk, and whose work, take so long. */
async function placesOf(count: number, { blockMs = 0, workMs = 0 }): Promise<string[]> {
  const places: string[] = [];
  let nowMs = 0;
  const store = {
    ...plainStore,
    transaction: async (write: () => void) => {
      places.push('elsewhere');
      write();
    },
    transactionHere: (write: () => void) => {
      places.push('here');
      write();
      nowMs += blockMs;
    },
    isAllIdle: () => true,
  };
  const commits = new Commits(store, () => nowMs);
  const work = () => {
    nowMs += workMs;
  };
  for (let number = 0; number < count; number += 1) await commits.add(work, true);
  return places;
}

test('commits do not block where blocking takes long, and are tried again', async () => {
  const places = await placesOf(72, { blockMs: 50 });
  const tries = places.indexOf('elsewhere');
  assert.equal(tries, 3, 'a long one alone is forgiven');
  assert.deepEqual([...new Set(places.slice(tries, tries + 64))], ['elsewhere']);
  assert.equal(places[tries + 64], 'here');
});

test('what the work of a commit takes is no reason to make it elsewhere', async () => {
  const places = await placesOf(20, { blockMs: 5, workMs: 50 });
  assert.deepEqual([...new Set(places)], ['here']);
});

for (const place of ['elsewhere', 'here'] as const) {
  test(`what waits when storage is closed is committed first, made ${place}`, async () => {
    const directory = await mkdtemp(path.join(tmpdir(), 'commits-'));
    const options = {
      file: path.join(directory, 'blobseer.mdb'),
      requestsInProgress: requestsInProgress[place],
    };
    const environment = new Environment(options);
    const table = environment.table('t');
    const put = (name: string, throws = false) =>
      environment.commit((transaction) => {
        transaction.put(table, Buffer.from(name), Buffer.from(name));
        if (throws) throw new Error(`${name} throws`);
      }, 'repeatable');
    await put('before');
    const good = [put('a'), put('c')];
    const bad = put('b', true);
    const closed = environment.close();
    await assert.rejects(bad, /b throws/);
    await Promise.all([...good, closed]);
    await assert.rejects(put('late'), /closed/);
    const again = new Environment(options);
    assert.equal(again.table('t').keys({ limit: 9 }).map(String).join(' '), 'a before c');
    await again.close();
    await rm(directory, { recursive: true });
  });
}
