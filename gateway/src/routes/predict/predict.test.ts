import { HeadgateError } from '@headgate/contracts/errors';
import { describe, expect, it } from 'vitest';
import { fixture, PREDICTION } from '../../testing/app-fixture.ts';
import { jpegHeader, pngHeader } from '../../testing/images.ts';

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

describe('the answer of a prediction', () => {
  it('has the documented shape for one raw image', async () => {
    const { send, seen } = await fixture();
    const response = await send('/predict', {
      method: 'POST',
      body: pngHeader(8, 8),
      headers: { 'content-type': 'image/png', 'x-headgate-unit': 'alice' },
    });
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({
      id: expect.stringMatching(UUID_V7),
      model: 'net',
      version: '1',
      variant: 'control',
      predictions: [{ index: 0, filename: null, top: PREDICTION.top }],
      timing_ms: { total: expect.any(Number), upstream: expect.any(Number), queue: 1, decode: 2, run: 3 },
    });
    expect(seen.calls[0]).toMatchObject({
      model: 'net',
      version: '1',
      variant: 'control',
      image: pngHeader(8, 8),
    });
  });
});
