/** An endless body that counts what is taken of it. */
export function countedBody(): {
  readonly stream: ReadableStream<Uint8Array>;
  readonly takenBytes: () => number;
} {
  let taken = 0;
  const stream = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        taken += 1024;
        controller.enqueue(new Uint8Array(1024));
      },
    },
    { highWaterMark: 0 },
  );
  return { stream, takenBytes: () => taken };
}

/** A POST whose body is a stream. */
export function streamed(
  stream: ReadableStream<Uint8Array>,
  headers: Record<string, string> = {},
): RequestInit {
  const init: RequestInit & { duplex: 'half' } = {
    method: 'POST',
    body: stream,
    headers: { 'content-type': 'image/png', ...headers },
    duplex: 'half',
  };
  return init;
}
