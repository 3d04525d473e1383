/** Work of decoding that one request has on its way at once: dozens of photos, and one or two images that are costly. */
const MOST_WORK = 300;

/**
 * Sends the items of one request in their order. Ordinary ones go all at once; costly ones wait for those before them, so
 * that a request does not fill the way to inference with what cannot be decoded soon.
 *
 * @param work of decoding an item, by its header
 * @param send never rejects
 * @returns the results in the order of the items
 */
export function paced<Item, Result>(
  items: readonly Item[],
  work: (item: Item) => number,
  send: (item: Item, index: number) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  const done = Promise.withResolvers<Result[]>();
  let next = 0;
  let ended = 0;
  let underWay = 0;
  const start = async (item: Item, index: number) => {
    underWay += work(item);
    results[index] = await send(item, index);
    underWay -= work(item);
    ended += 1;
    go();
  };
  const go = () => {
    if (ended === items.length) return done.resolve(results);
    while (next < items.length && (ended === next || underWay + work(items[next] as Item) <= MOST_WORK)) {
      next += 1;
      start(items[next - 1] as Item, next - 1).catch(done.reject);
    }
  };
  go();
  return done.promise;
}
