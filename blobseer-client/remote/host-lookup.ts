/**
 * Names to addresses, remembered for a while: every call that answers something opens a connection,
 * and must not ask a name server each time. IPv4 first, since the original listens on nothing else.
 */
import { type LookupAddress, lookup } from 'node:dns';
import type { LookupFunction } from 'node:net';

const ttlMs = 30_000;
/** More names than any deployment has. */
const maxNames = 1024;

type Resolve = (
  name: string,
  answer: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

const resolveByDns: Resolve = (name, answer) => lookup(name, { all: true }, answer);

/** A look-up for `net.connect`. Failures are not remembered. */
export function rememberingLookup(
  nowMs: () => number,
  resolve: Resolve = resolveByDns,
): LookupFunction {
  const known = new Map<
    string,
    { readonly addresses: LookupAddress[]; readonly untilMs: number }
  >();
  return (name, options, callback) => {
    const answer = (addresses: LookupAddress[]) => {
      if (options.all) return callback(null, addresses);
      const { address, family } = addresses[0]!;
      return callback(null, address, family);
    };
    const remembered = known.get(name);
    if (remembered !== undefined && remembered.untilMs > nowMs()) {
      // Never from within the call that asks.
      process.nextTick(answer, remembered.addresses);
      return;
    }
    known.delete(name);
    resolve(name, (error, addresses) => {
      if (error !== null) return callback(error, '', 4);
      if (addresses.length === 0) return callback(new Error(`no address of ${name}`), '', 4);
      const sorted = [...addresses].sort((left, right) => left.family - right.family);
      if (known.size >= maxNames) known.clear();
      known.set(name, { addresses: sorted, untilMs: nowMs() + ttlMs });
      return answer(sorted);
    });
  };
}
