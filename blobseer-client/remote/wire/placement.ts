/**
 * Which metadata provider keeps a key: the original's hash (sdbm, seeded with the replica's number)
 * over all bytes of the key. The order of the configured gateways is part of it.
 */
import { BlobSeerError } from '../../errors.ts';

/** Index into the gateways list. Replicas of a key may fall on the same gateway. */
export function gatewayOf(key: Uint8Array, replica: number, gateways: number): number {
  if (!Number.isSafeInteger(gateways) || gateways < 1) {
    throw new BlobSeerError('invalid-argument', `no number of gateways: ${gateways}`);
  }
  let hash = replica >>> 0;
  // In 32 bit: byte + (hash << 6) + (hash << 16) - hash.
  for (const byte of key) hash = (byte + Math.imul(hash, 65599)) >>> 0;
  return hash % gateways;
}

/**
 * The gateways of all replicas, first replica first. The original puts some replicas on the same gateway
 * (unless their number is a power of two): then the next ones in the list get one as well, where its
 * clients never look, but ours do.
 */
export function gatewaysOf(key: Uint8Array, replication: number, gateways: number): number[] {
  const indexes = new Set<number>();
  for (let replica = 0; replica < replication; replica++) {
    indexes.add(gatewayOf(key, replica, gateways));
  }
  const [first = 0] = indexes;
  for (let next = 1; indexes.size < Math.min(replication, gateways); next++) {
    indexes.add((first + next) % gateways);
  }
  return [...indexes];
}
