import { describe, expect, it } from 'vitest';
import { fixture, KEYS } from './testing/app-fixture.ts';
import { pngHeader } from './testing/images.ts';

describe('ten thousand junk names', () => {
  it('add no label to any metric', async () => {
    const { send, seen } = await fixture();
    for (let i = 0; i < 10_000; i++) {
      const kind = i % 5;
      const path = [`/v1/models/junk-${i}/predict`, `/junk/${i}`, `/v1/models/net/versions/${i}/predict`][
        kind
      ];
      await send(path ?? '/predict', {
        method: kind === 3 ? `X${i}` : 'POST',
        ...(kind === 3 ? {} : { body: pngHeader(8, 8) }),
        headers: { 'content-type': 'image/png', 'x-headgate-unit': `u${i}`, 'x-api-key': KEYS.admin },
      });
    }
    const labels = new Set([
      ...seen.requests.flatMap(({ method, route, reason }) => [method, route, String(reason)]),
      ...seen.predictions.flatMap((p) => [p.model, p.version, p.variant, p.assignedVariant, p.outcome]),
    ]);
    expect([...labels].map(String).toSorted()).toEqual(
      [
        ...['1', '2', 'control', 'treatment', 'net', 'ok', 'undefined', 'null'],
        ...['POST', 'other', 'unknown_model', 'unknown_version', 'not_found', 'method_not_allowed'],
        ...['/predict', '/v1/models/:model/predict', '/v1/models/:model/versions/:version/predict'],
      ].toSorted(),
    );
  });
});
