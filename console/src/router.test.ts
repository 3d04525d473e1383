import { describe, expect, it } from 'vitest';
import { href, parseRoute } from './router.ts';

describe('parseRoute', () => {
  it.each([
    ['', '', []],
    ['#/', '', []],
    ['#/live', 'live', []],
    ['#/weights/digits', 'weights', ['digits']],
    ['#/requests/%E0%A4%A', 'requests', ['%E0%A4%A']],
  ])('reads %j', (fragment, page, params) => {
    expect(parseRoute(fragment)).toMatchObject({ page, params });
  });

  it('reads the query', () => {
    expect(parseRoute('#/audit?who=a%26b&action=').query.get('who')).toBe('a&b');
  });
});

describe('href', () => {
  it.each(['digits', '<img src=x onerror=alert(1)>', 'a/b?c#d%', '../..', 'モデル'])(
    'comes back as %j',
    (name) => {
      expect(parseRoute(href('weights', [name]))).toMatchObject({ page: 'weights', params: [name] });
    },
  );

  it('leaves out what is empty', () => {
    expect(href('audit', [], { who: '', action: '' })).toBe('#/audit');
    expect(parseRoute(href('audit', [], { who: 'key:a b', action: '' })).query.toString()).toBe(
      'who=key%3Aa+b',
    );
  });
});
