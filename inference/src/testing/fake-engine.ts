import { HeadgateError } from '@headgate/contracts/errors';
import type { EngineListener } from '../engine/parent/process.ts';
import type { Question } from '../engine/protocol.ts';
import type { EnginePort } from '../lane.ts';

/**
 * An engine that does nothing until a test says so, and that objects to anything the protocol forbids. An image
 * is one byte; its class is that byte.
 */
export class FakeEngine implements EnginePort {
  readonly #images = new Map<number, number>();
  readonly #decoding = new Set<number>();
  readonly maxBatchSize: number;
  readonly decodeThreads = 1;
  #listener: EngineListener | undefined;
  #running: readonly number[] = [];
  /** Bytes of the images of every run so far. */
  readonly runs: number[][] = [];
  /** Ids of all items that it was ever given. */
  readonly #given = new Set<number>();

  constructor(maxBatchSize: number) {
    this.maxBatchSize = maxBatchSize;
  }

  get isRunning(): boolean {
    return this.#running.length > 0;
  }

  /** Ids that were handed over and neither decoded nor discarded. */
  get decoding(): readonly number[] {
    return [...this.#decoding];
  }

  /** Handed over and not running: what the front holds for this engine's next batch. */
  get ahead(): number {
    return this.#images.size - this.#running.length;
  }

  get decodedCount(): number {
    return this.ahead - this.#decoding.size;
  }

  /** What it holds for its next batch and another engine was never given. */
  aheadAndNewTo(other: FakeEngine): number[] {
    return [...this.#images.keys()].filter((id) => !this.#running.includes(id) && !other.#given.has(id));
  }

  listen(listener: EngineListener): void {
    this.#listener = listener;
  }

  prepare(id: number, { payload }: Question): void {
    if (this.#given.has(id))
      throw new Error(`item ${id} was here before: its old answer could be taken for a new one`);
    this.#given.add(id);
    this.#images.set(id, (payload as Uint8Array)[0] as number);
    this.#decoding.add(id);
    if (this.ahead > this.maxBatchSize) throw new Error('more than one batch was handed ahead');
  }

  discard(id: number): void {
    if (!this.#images.delete(id)) throw new Error(`item ${id} is not here`);
    this.#decoding.delete(id);
    // As from another process.
    queueMicrotask(() => this.#listener?.discarded(id));
  }

  run(ids: readonly number[]): void {
    if (this.isRunning) throw new Error('a batch runs already');
    if (ids.length === 0 || ids.length > this.maxBatchSize) throw new Error(`a batch of ${ids.length}`);
    const images = ids.map((id) => this.#images.get(id));
    if (images.includes(undefined) || ids.some((id) => this.#decoding.has(id)))
      throw new Error('not decoded');
    this.#running = ids;
    this.runs.push(images as number[]);
  }

  finishDecode(id: number, decodeMs = 1): void {
    this.#decoding.delete(id);
    this.#listener?.decoded(id, decodeMs);
  }

  failDecode(id: number): void {
    this.#images.delete(id);
    this.#decoding.delete(id);
    this.#listener?.failed(id, new HeadgateError('undecodable_image', 'broken'));
  }

  decodeAll(): void {
    for (const id of this.decoding) this.finishDecode(id);
  }

  finishRun(runMs = 10): void {
    const rows = this.#endRun().map((image) => ({
      classIds: Int32Array.of(image),
      scores: Float32Array.of(1),
    }));
    this.#listener?.ran(rows, runMs);
  }

  failRun(): void {
    this.#endRun();
    this.#listener?.runFailed(new HeadgateError('internal', 'The model failed on this batch.'));
  }

  #endRun(): number[] {
    const images = this.#running.map((id) => this.#images.get(id) as number);
    for (const id of this.#running) this.#images.delete(id);
    this.#running = [];
    return images;
  }
}
