/** The namespace contract on the store in memory. */
import type { Store } from '../../blobseer-client/index.ts';
import { namespaceContract, type Subject } from './contract/namespace-contract.ts';
import { openNamespace } from './store-namespace.ts';
import { GraveRecorder } from './testing/grave-recorder.ts';
import { MemoryStore } from './testing/memory-store.ts';

function subjectOn(store: Store): Subject {
  const recorder = new GraveRecorder(store);
  return {
    namespace: openNamespace(recorder),
    commit: (work) => store.commit(work),
    buried: () => recorder.graves().flatMap(({ refs }) => refs),
    close: async () => {},
  };
}

namespaceContract('a store in memory', async () => subjectOn(new MemoryStore()));
