/**
 * Stops one thing after the other, each whatever became of those before it.
 *
 * @throws what the only one that failed threw, or an AggregateError of all of them
 */
export async function stopAll(steps: readonly (() => unknown)[]): Promise<void> {
  const failures: unknown[] = [];
  for (const stop of steps) {
    try {
      await stop();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 1) throw new AggregateError(failures, 'several things could not be stopped in order');
  if (failures.length === 1) throw failures[0];
}
