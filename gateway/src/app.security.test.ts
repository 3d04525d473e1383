import { describe, expect, it } from 'vitest';
import { answerOf, reasonOf } from './testing/answers.ts';
import { fixture } from './testing/app-fixture.ts';
import { pngHeader } from './testing/images.ts';

describe('a model named like a part of JavaScript', () => {
  it.each([
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
    '..%2F..%2Fetc',
    '%00',
    '%E0%A4%A',
    'a%0d%0ab',
  ])('%s is an unknown model', async (model) => {
    const { send, seen } = await fixture();
    const response = await send(`/v1/models/${model}/predict`, {
      method: 'POST',
      body: pngHeader(8, 8),
      headers: { 'content-type': 'image/png' },
    });
    expect([response.status, await reasonOf(response)]).toEqual([404, 'unknown_model']);
    expect(seen.calls).toEqual([]);
  });

  it('or a version of that kind is an unknown version', async () => {
    const { send } = await fixture();
    const response = await send('/v1/models/net/versions/__proto__/predict', {
      method: 'POST',
      body: pngHeader(8, 8),
      headers: { 'content-type': 'image/png', 'x-api-key': `hg_tester01_${'t'.repeat(32)}` },
    });
    expect(await reasonOf(response)).toBe('unknown_version');
  });

  it('pollutes no prototype as a field name either', async () => {
    const { send } = await fixture();
    const form = new FormData();
    form.append('__proto__', 'polluted');
    form.append('constructor[prototype][polluted]', 'yes');
    form.append('image', new Blob([pngHeader(8, 8)]), '__proto__');
    const response = await send('/predict', { method: 'POST', body: form });
    expect(response.status).toBe(200);
    expect((await answerOf(response)).predictions[0]?.filename).toBe('__proto__');
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });
});
