/** `Promise.all` that waits for all even when one fails, so that none goes on where its files are removed. */
export async function allSettled(promises: readonly Promise<unknown>[]): Promise<void> {
  const outcomes = await Promise.allSettled(promises);
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}
