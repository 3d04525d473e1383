import { KERNEL_WASM } from '../../../../gen/resize-kernel.ts';
import type { Crop, Size } from '../placement.ts';
import type { Axis } from './axis.ts';

export interface ResizeOptions {
  /** Pixels in a row of the picture. */
  readonly width: number;
  /** Bytes of a pixel: grey, or RGB. */
  readonly channels: 1 | 3;
  readonly crop: Crop;
  readonly to: Size;
  /** Weights with which so many lines become so many. */
  readonly axis: (from: number, to: number) => Axis;
}

/** What the compiled kernel exports; inference/assembly/resize-kernel.ts says what the numbers mean. */
interface KernelExports {
  resizeColumns(...numbers: [number, number, number, number, number, number, number, number, number]): void;
  resizeRows: ResizeRows;
  resizeGreyRows: ResizeRows;
}
type ResizeRows = (...numbers: [number, number, number, number, number, number, number, number]) => void;

/** The part of the WebAssembly interface that is used; the types of Node name it without its values. */
interface WebAssemblyValues {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Memory: new (size: { readonly initial: number }) => WasmMemory;
  readonly Instance: new (module: object, imports: object) => { readonly exports: object };
}

interface WasmMemory {
  /** Another one after each `grow`, which empties the one before. */
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}

const wasm = (globalThis as unknown as { readonly WebAssembly: WebAssemblyValues }).WebAssembly;

const PAGE_BYTES = 65_536;
/** Vectors are 16 bytes long: so many more may be read or written behind what is meant. */
const SLACK_BYTES = 32;

const compiled = new wasm.Module(Buffer.from(KERNEL_WASM, 'base64'));

/**
 * Memory in which a picture is decoded and resized, without a copy between the two: half of the CPU time that the
 * same resize takes by way of sharp, whose pipeline costs more to set up than to run at these sizes (decision 0024).
 */
export class Canvas {
  readonly #memory = new wasm.Memory({ initial: 1 });
  readonly #kernel: KernelExports;

  constructor() {
    const imports = { env: { memory: this.#memory } };
    this.#kernel = new wasm.Instance(compiled, imports).exports as KernelExports;
  }

  /** Bytes that it holds; it grows as needed, and never shrinks. */
  get byteLength(): number {
    return this.#memory.buffer.byteLength;
  }

  /** Room for a picture, to be filled before `resize`. Invalidates what it gave before. @param byteLength width × height × 3 */
  picture(byteLength: number): Buffer {
    this.#reserve(byteLength);
    return Buffer.from(this.#memory.buffer, 0, byteLength);
  }

  /** Cuts the picture out and resizes it. @returns uint8, row by row, channels last, in memory of its own */
  resize({ width, channels, crop, to, axis }: ResizeOptions): Uint8Array {
    const stride = width * channels;
    const lineBytes = crop.width * channels;
    const rows = axis(crop.height, to.height);
    const columns = axis(crop.width, to.width);
    const lineStride = aligned(lineBytes + columns.taps * channels + SLACK_BYTES);
    const size = to.width * to.height * channels;
    // An even number of taps may reach beyond the crop, with weights of 0.
    let end = aligned((crop.top + crop.height + rows.taps) * stride + SLACK_BYTES);
    const place = (byteLength: number) => {
      const address = end;
      end = aligned(end + byteLength);
      return address;
    };
    const rowTables = [place(rows.starts.byteLength), place(rows.weights.byteLength)] as const;
    const columnTables = [place(columns.starts.byteLength), place(columns.weights.byteLength)] as const;
    const lines = place(to.height * lineStride);
    const target = place(size + SLACK_BYTES);
    this.#reserve(end);
    this.#write(rows, rowTables);
    this.#write(columns, columnTables);
    const source = crop.top * stride + crop.left * channels;
    const { resizeColumns, resizeRows, resizeGreyRows } = this.#kernel;
    const resize = channels === 1 ? resizeGreyRows : resizeRows;
    resizeColumns(source, stride, lines, lineStride, lineBytes, to.height, ...rowTables, rows.taps);
    resize(lines, lineStride, target, to.width, to.height, ...columnTables, columns.taps);
    return new Uint8Array(this.#memory.buffer.slice(target, target + size));
  }

  #write({ starts, weights }: Axis, [startsAt, weightsAt]: readonly [number, number]): void {
    new Int32Array(this.#memory.buffer, startsAt, starts.length).set(starts);
    new Int16Array(this.#memory.buffer, weightsAt, weights.length).set(weights);
  }

  #reserve(byteLength: number): void {
    const missing = byteLength - this.#memory.buffer.byteLength;
    if (missing > 0) this.#memory.grow(Math.ceil(missing / PAGE_BYTES));
  }
}

/** Canvases of up to this size are kept for the next picture: 2.5 megapixels in colour. */
const KEPT_BYTES = 8 * 2 ** 20;
/** Canvases that are kept at most; as many as decode at once, on machines with few cores. */
const KEPT_CANVASES = 4;

/**
 * Canvases that are used again: a fresh megabyte for each picture would come from the system page by page, which
 * costs a quarter of the decode.
 */
export class CanvasPool {
  readonly #free: Canvas[] = [];

  take(bytes: number): Canvas {
    const fits = this.#free.findIndex(({ byteLength }) => byteLength >= bytes);
    return this.#free.splice(Math.max(0, fits), 1)[0] ?? new Canvas();
  }

  give(canvas: Canvas): void {
    if (canvas.byteLength > KEPT_BYTES) return;
    this.#free.push(canvas);
    if (this.#free.length <= KEPT_CANVASES) return;
    // The largest fit every picture.
    this.#free.sort((a, b) => b.byteLength - a.byteLength).pop();
  }
}

function aligned(address: number): number {
  return Math.ceil(address / 16) * 16;
}
