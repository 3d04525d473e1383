import { describe, expect, it } from 'vitest';
import { childOf, formatTraceparent, parseTraceparent } from './trace-context.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';

describe('parseTraceparent', () => {
  it('reads the example of the standard, and writes it again', () => {
    const header = `00-${TRACE}-${SPAN}-01`;
    const context = parseTraceparent(header);
    expect(context).toEqual({ traceId: TRACE, spanId: SPAN, sampled: true });
    expect(context && formatTraceparent(context)).toBe(header);
  });

  it('looks at the sampled bit alone of the flags', () => {
    expect(parseTraceparent(`00-${TRACE}-${SPAN}-fe`)?.sampled).toBe(false);
    expect(parseTraceparent(`00-${TRACE}-${SPAN}-03`)?.sampled).toBe(true);
  });

  it('accepts a later version with more fields', () => {
    expect(parseTraceparent(`01-${TRACE}-${SPAN}-01-more`)?.traceId).toBe(TRACE);
  });

  it.each([
    undefined,
    null,
    '',
    'x',
    `00-${TRACE}-${SPAN}`,
    `00-${TRACE}-${SPAN}-01-more`,
    `ff-${TRACE}-${SPAN}-01`,
    `00-${'0'.repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${'0'.repeat(16)}-01`,
    `00-${TRACE.toUpperCase()}-${SPAN}-01`,
    ` 00-${TRACE}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}-01\n`,
    `00-${TRACE}-${SPAN}-1`,
  ])('takes %j for absent', (header) => {
    expect(parseTraceparent(header)).toBeUndefined();
  });
});

describe('childOf', () => {
  it('stays in the trace and its sampling, under a new span id', () => {
    const parent = { traceId: TRACE, spanId: SPAN, sampled: true };
    const child = childOf(parent);
    expect(child).toMatchObject({ traceId: TRACE, sampled: true });
    expect(child.spanId).not.toBe(SPAN);
    expect(parseTraceparent(formatTraceparent(child))).toEqual(child);
  });

  it('begins a trace that nobody samples when there is no parent', () => {
    const roots = Array.from({ length: 1000 }, () => childOf(undefined));
    expect(new Set(roots.map(({ traceId }) => traceId)).size).toBe(1000);
    for (const root of roots) {
      expect(root.sampled).toBe(false);
      expect(parseTraceparent(formatTraceparent(root))).toEqual(root);
    }
  });
});
