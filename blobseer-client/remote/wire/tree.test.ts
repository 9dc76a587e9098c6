/** Trees: what the C++ client wrote, and against a model that knows the pages of every version. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allExchanges, type Exchange, exchangesOf } from '../testing/exchanges.ts';
import { Nodes, nameOf } from '../testing/nodes.ts';
import { VersionManagerModel } from '../testing/version-manager-model.ts';
import { FrameDecoder } from './frame.ts';
import { metadataProviderCalls, versionManagerCalls } from './messages.ts';
import {
  decodeSegment,
  decodeTreeNode,
  isHole,
  nodeKeyBytes,
  type Segment,
  type Ticket,
} from './records.ts';
import { type NodeRecord, pageKeysOf, treeOver } from './tree.ts';
import { weave } from './weave.ts';

const limits = { maxItems: 1000, maxItemBytes: 2 ** 20, maxBytes: 2 ** 24 };
const itemsOf = (bytes: Buffer) => new FrameDecoder(() => limits).push(bytes)[0]!.items;

/** The tree nodes that an exchange with a metadata provider wrote or read. */
function nodesIn({ service, call, request, answer }: Exchange): NodeRecord[] {
  if (service !== 'sdht') return [];
  const asked = itemsOf(request);
  const pairs =
    call === 'PROVIDER_WRITE'
      ? metadataProviderCalls.write.decodeRequest(asked)
      : asked.map((key, index) => [key, itemsOf(answer)[index]!] as const);
  return pairs.flatMap(([key, value]) =>
    key.length === nodeKeyBytes && value.length > 0
      ? [{ segment: decodeSegment(key), node: decodeTreeNode(value) }]
      : [],
  );
}

/** Comparable: reads are not counted, and holes that carry a range are holes. */
function plain(records: readonly NodeRecord[]): Map<string, unknown> {
  const pointer = (segment: Segment) => (isHole(segment) ? 'hole' : nameOf(segment));
  return new Map(
    records
      .map(({ segment, node }): [string, unknown] => [
        nameOf(segment),
        node.kind === 'leaf'
          ? node.pageKey.toString('hex')
          : [pointer(node.left), pointer(node.right)],
      ])
      .sort(([one], [other]) => one.localeCompare(other)),
  );
}

interface RecordedWrite {
  readonly title: string;
  readonly ticket: Ticket;
  readonly written: readonly NodeRecord[];
}

/** The tickets of the recorded sequences with the tree nodes that the C++ client then wrote. */
function recordedWrites(): RecordedWrite[] {
  return allExchanges()
    .filter(({ title }) => title.startsWith('sequence-'))
    .flatMap((exchange, _, all) => {
      if (exchange.call !== 'VMGR_GETTICKET') return [];
      const { getTicket } = versionManagerCalls;
      const request = getTicket.decodeRequest(itemsOf(exchange.request));
      const ticket = getTicket.decodeAnswer(itemsOf(exchange.answer), request);
      const { blobId, version } = ticket.pending.at(-1)!.interval;
      const written = all
        .filter(({ call }) => call === 'PROVIDER_WRITE')
        .flatMap(nodesIn)
        .filter(({ segment }) => segment.blobId === blobId && segment.version === version);
      return written.length === 0 ? [] : [{ title: exchange.title, ticket, written }];
    });
}

const recordedNodes = new Nodes();
for (const exchange of allExchanges()) recordedNodes.put(nodesIn(exchange));
const writes = recordedWrites();

function pageKeysIn({ ticket, written }: RecordedWrite): Buffer[] {
  const { interval } = ticket.pending.at(-1)!;
  const { pageSize } = ticket.stableRoot;
  return Array.from({ length: Math.ceil(interval.size / pageSize) }, (_, page) => {
    const name = nameOf({ ...interval, offset: interval.offset + page * pageSize, size: pageSize });
    const node = written.find(({ segment }) => nameOf(segment) === name)?.node;
    assert.equal(node?.kind, 'leaf');
    return node.pageKey;
  });
}

test('the C++ client wrote the same nodes in every recorded write', () => {
  assert.ok(writes.length >= 6, `${writes.length}`);
  let severalAtOnce = 0;
  for (const write of writes) {
    const { pending, stableRoot, rootSize } = write.ticket;
    const records = recordedNodes.run(
      weave({
        interval: pending.at(-1)!.interval,
        pageSize: stableRoot.pageSize,
        rootSize,
        pageKeys: pageKeysIn(write),
        pending: pending.slice(0, -1),
        stableRoot: stableRoot.node,
      }),
    );
    assert.deepEqual(plain(records), plain(write.written), write.title);
    if (pending.length > 1) severalAtOnce++;
  }
  assert.ok(severalAtOnce >= 1, `${severalAtOnce}`);
});

test('built over the newest version it is the same, where nobody else writes', () => {
  let compared = 0;
  for (const write of writes) {
    const { pending, stableRoot, rootSize } = write.ticket;
    const { pageSize } = stableRoot;
    if (pending.length > 1) continue;
    compared++;
    const { interval, root } = pending[0]!;
    const first = interval.offset / pageSize;
    const records = recordedNodes.run(
      treeOver({
        own: interval,
        pageSize,
        rootSize,
        pageCount: root.currentSize / pageSize,
        base: { root: stableRoot.node, pageCount: stableRoot.currentSize / pageSize },
        changed: pageKeysIn(write).map((key, index) => [first + index, key] as const),
      }),
    );
    assert.deepEqual(plain(records), plain(write.written), write.title);
  }
  assert.ok(compared >= 5, `${compared}`);
});

test('the recorded read finds the pages that the recorded client read', () => {
  const [first, ...others] = exchangesOf('sequence-cold-read-all.json');
  const { getRoot } = versionManagerCalls;
  const root = getRoot.decodeAnswer(itemsOf(first!.answer), { blobId: 1, version: 0 });
  const pages = root.currentSize / root.pageSize;
  const keys = recordedNodes.run(pageKeysOf(root.node, root.pageSize, 0, pages));
  const read = others
    .filter(({ service }) => service === 'provider')
    .flatMap(({ request }) => itemsOf(request));
  const inOrder = (each: readonly (Buffer | null)[]) =>
    each.map((key) => key?.toString('hex')).sort();
  assert.equal(keys.length, 5);
  assert.deepEqual(inOrder(keys), inOrder(read));
});

test('the model of the version manager answers as the original did', () => {
  const model = new VersionManagerModel();
  for (let blob = 1; blob <= 4; blob++) model.create(4096, blob === 3 ? 2 : 1);
  const { getTicket, publish } = versionManagerCalls;
  let checked = 0;
  for (const { call, request, answer, title } of exchangesOf('vmanager-ticket-publish.json')) {
    const items = itemsOf(request);
    if (call === 'VMGR_PUBLISH') {
      const { blobId, version } = publish.decodeRequest(items);
      if (blobId <= 4) assert.ok(model.publish(blobId, version), title);
      continue;
    }
    const asked = getTicket.decodeRequest(items);
    // Later blobs are clones of blobs that this file does not tell of.
    if (asked.interval.blobId > 4) continue;
    const expected = getTicket.decodeAnswer(itemsOf(answer), asked);
    const given = model.ticket(asked.interval.blobId, asked.interval, asked.isAppend);
    assert.deepEqual(given, expected, title);
    checked++;
  }
  assert.equal(checked, 9);
});
