/** Which deployments a checkpoint fits. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Member, type MemberCheckpoint, movesTo, newManifest } from './deployment-manifest.ts';

const member = (
  name: string,
  role: Member['role'],
  port: number,
  second: number,
): MemberCheckpoint => ({
  name,
  role,
  host: '10.0.0.1',
  port,
  epoch: 1,
  sequence: 1,
  cutAt: `2026-01-01T00:00:0${second}.000Z`,
});
const before = [
  member('gateway-1', 'gateway', 9000, 1),
  member('gateway-2', 'gateway', 9001, 2),
  member('version-manager-1', 'version-manager', 7001, 3),
  member('metadata-provider-1', 'metadata-provider', 7003, 4),
  member('metadata-provider-2', 'metadata-provider', 7004, 5),
  member('data-provider-1', 'data-provider', 7010, 6),
  member('data-provider-2', 'data-provider', 7011, 7),
];
const manifestOf = (members: readonly MemberCheckpoint[]) =>
  newManifest({ epoch: 1, createdAt: '', software: '0.1.0', name: 'lab', members });
const now: readonly Member[] = before;

test('the same members fit, in any order of gateways and data providers, and more of them', () => {
  assert.deepEqual(movesTo(manifestOf(before), now), new Map());
  const more = [...now, member('data-provider-3', 'data-provider', 7012, 0)];
  assert.deepEqual(movesTo(manifestOf(before), more.toReversed().sort(byRole)), new Map());
});

const byRole = (left: Member, right: Member): number =>
  left.role === 'metadata-provider' && right.role === 'metadata-provider'
    ? left.name.localeCompare(right.name)
    : 0;

test('members are told by their names, and so is where they have moved', () => {
  const moved = now.map((one) => ({ ...one, host: '10.9.0.1', port: one.port + 1 }));
  const moves = movesTo(manifestOf(before), moved);
  assert.equal(moves.size, before.length);
  assert.equal(moves.get('10.0.0.1:7010'), '10.9.0.1:7011');
  assert.equal(moves.get('10.0.0.1:7011'), '10.9.0.1:7012', 'not moved twice');
});

test('what does not fit is refused with the reason', () => {
  const without = (name: string) => now.filter((one) => one.name !== name);
  const swapped = [...now];
  [swapped[3], swapped[4]] = [swapped[4]!, swapped[3]!];
  for (const [members, reason] of [
    [without('data-provider-2'), /data-provider-2 has no place/],
    [without('gateway-2'), /gateway-2 has no place/],
    [without('version-manager-1'), /version-manager-1 has no place/],
    [without('metadata-provider-1'), /metadata is on metadata-provider-1, metadata-provider-2, in/],
    [swapped, /would be looked for on metadata-provider-2, metadata-provider-1/],
    [
      [...now, member('metadata-provider-3', 'metadata-provider', 7005, 0)],
      /would be looked for on .*metadata-provider-3/,
    ],
  ] as const) {
    assert.throws(() => movesTo(manifestOf(before), members), reason);
  }
});

test('whoever refers to something that is older than itself does not fit it', () => {
  for (const [name, second, reason] of [
    ['version-manager-1', 9, /version-manager-1 is newer .* than metadata-provider-1/],
    ['gateway-1', 4, /gateway-1 is newer .* than version-manager-1/],
    ['data-provider-2', 0, /is newer .* than data-provider-2/],
  ] as const) {
    const cutAt = `2026-01-01T00:00:0${second}.000Z`;
    const mixed = before.map((one) => (one.name === name ? { ...one, cutAt } : one));
    assert.throws(() => movesTo(manifestOf(mixed), now), reason);
  }
});
