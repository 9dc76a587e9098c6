/**
 * What must not be left behind by a program that is told to end (Ctrl-C, or the time limit of a test runner): folders in
 * memory, and processes in groups of their own, which a terminal's signal does not reach.
 */
const signals = ['SIGINT', 'SIGTERM'] as const;
const cleanUps = new Set<() => void>();

/** Calls it once when a signal ends the program. Returns what calls it off. */
export function atSignal(cleanUp: () => void): () => void {
  if (cleanUps.size === 0) for (const signal of signals) process.on(signal, end);
  cleanUps.add(cleanUp);
  return () => {
    if (cleanUps.delete(cleanUp) && cleanUps.size === 0) stopListening();
  };
}

function stopListening(): void {
  for (const signal of signals) process.off(signal, end);
}

/** The newest first: processes end before the folders go that they work in. */
function end(signal: NodeJS.Signals): void {
  stopListening();
  const all = [...cleanUps].reverse();
  cleanUps.clear();
  for (const cleanUp of all) {
    try {
      cleanUp();
    } catch (error) {
      console.error(error); // the others have theirs to do
    }
  }
  // As if nobody had listened; where others listen, such as a test runner, they end it.
  if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
}
