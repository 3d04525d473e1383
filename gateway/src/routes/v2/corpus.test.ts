import { HeadgateError } from '@headgate/contracts/errors';
import { describe, expect, it } from 'vitest';
import { corpus } from '../../testing/corpus.ts';
import { readInferRequest } from './infer-request.ts';
import { frameOf } from './read-tensors.ts';

const MAX_JSON_BYTES = 1024 * 1024;

describe('a body of the corpus', () => {
  it.each(corpus().map((one) => [one.name, one.why, one] as const))('%s: %s', (_name, _why, one) => {
    const read = () =>
      readInferRequest(
        frameOf({ bytes: one.body, headerLength: one.headerLength, maxJsonBytes: MAX_JSON_BYTES }),
      );
    if (one.refused === null) {
      expect(read().message.inputs?.length).toBeGreaterThan(0);
      return;
    }
    const error = thrownBy(read);
    expect(error).toBeInstanceOf(HeadgateError);
    expect((error as HeadgateError).httpStatus).toBe(400);
    expect((error as HeadgateError).detail).toMatch(new RegExp(`^${literally(one.refused)}(?![\\w[])`));
  });

  it('pollutes no prototype', () => {
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });
});

function thrownBy(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  return undefined;
}

function literally(text: string): string {
  return text.replaceAll(/[.[\]()]/g, '\\$&');
}
