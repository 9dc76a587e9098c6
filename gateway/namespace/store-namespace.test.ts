/** The namespace contract on the store in memory, be rows in their entries or not. */
import type { Store } from '../../blobseer-client/index.ts';
import { systemClock } from '../clock.ts';
import { namespaceContract, type Subject } from './contract/namespace-contract.ts';
import { openNamespace } from './store-namespace.ts';
import { GraveRecorder } from './testing/grave-recorder.ts';
import { MemoryStore } from './testing/memory-store.ts';

function subjectOn(store: Store, rowBytesInEntry?: number): Subject {
  const recorder = new GraveRecorder(store);
  return {
    namespace: openNamespace(recorder, systemClock, rowBytesInEntry),
    commit: (work) => store.commit(work),
    buried: () => recorder.graves().flatMap(({ refs }) => refs),
    close: async () => {},
  };
}

namespaceContract('a store in memory', async () => subjectOn(new MemoryStore()));
namespaceContract('a store in memory, no row in its entry', async () =>
  subjectOn(new MemoryStore(), 0),
);
/** Of the property tests' drafts those with three or four extents have larger rows, the others smaller ones. */
namespaceContract('a store in memory, some rows in their entries', async () =>
  subjectOn(new MemoryStore(), 50),
);
