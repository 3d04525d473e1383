import { describe, expect, it } from 'vitest';
import { createLogger, explainError, successSampler } from './logger.ts';

function linesOf(write: (log: ReturnType<typeof createLogger>) => void): Record<string, unknown>[] {
  const lines: string[] = [];
  write(
    createLogger({ service: 'gateway', level: 'info', destination: { write: (line) => lines.push(line) } }),
  );
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe('createLogger', () => {
  it('writes JSON with service, level as a word, ISO time and the ids of the request', () => {
    const [line] = linesOf((log) => log.info({ request_id: 'r-1', trace_id: 't-1' }, 'answered'));
    expect(line).toMatchObject({
      level: 'info',
      service: 'gateway',
      request_id: 'r-1',
      trace_id: 't-1',
      msg: 'answered',
    });
    expect(line?.time).toMatch(/^\d{4}-\d\d-\d\dT/);
  });

  it('never shows a credential, however deep it hides', () => {
    const [line] = linesOf((log) =>
      log.info({
        authorization: 'Bearer abc',
        headers: { 'x-api-key': 'hg_abc', cookie: 'abc' },
        request: { headers: { authorization: 'abc' } },
        deep: { deeper: [{ still: { token: 'abc', shown: 'yes' } }] },
        err: Object.assign(new Error('failed'), { config: { headers: { authorization: 'abc' } } }),
      }),
    );
    expect(JSON.stringify(line)).not.toContain('abc');
    expect(line).toMatchObject({
      deep: { deeper: [{ still: { shown: 'yes' } }] },
      err: { message: 'failed' },
    });
  });

  it('leaves the logged object itself as it was', () => {
    const headers = { cookie: 'abc' };
    linesOf((log) => log.info({ headers }));
    expect(headers).toEqual({ cookie: 'abc' });
  });

  it('shows of an error what it says, and nothing that a library has put into it', () => {
    const address = 'postgres://u:Geheim12@h:port/db';
    const command = { name: 'auth', args: ['Geheim12'] };
    const causes = new AggregateError([Object.assign(new Error('first'), { command })], 'all');
    const errors = [
      (() => {
        try {
          return new URL(address);
        } catch (error) {
          return error;
        }
      })(),
      Object.assign(new Error('WRONGPASS', { cause: Object.assign(new Error('inner'), { command }) }), {
        command,
      }),
      causes,
    ];
    const lines = linesOf((log) => {
      for (const err of errors) log.error({ err }, 'failed');
    });
    const text = JSON.stringify(lines);
    for (const shown of ['Invalid URL', 'ERR_INVALID_URL', 'WRONGPASS', 'inner', 'first', 'all'])
      expect(text).toContain(shown);
    for (const error of errors) expect(explainError(error)).not.toContain('Geheim12');
    expect(text).not.toContain('Geheim12');
  });

  it('keeps the causes of an error for the operator', () => {
    const [line] = linesOf((log) =>
      log.error({ err: new Error('outer', { cause: new Error('inner') }) }, 'failed'),
    );
    expect(JSON.stringify(line)).toContain('inner');
  });
});

it('samples successes by their trace, alike in every process', () => {
  const traces = Array.from({ length: 2000 }, () => crypto.randomUUID().replaceAll('-', ''));
  const [all, some, none] = [1, 0.25, 0].map((ratio) => traces.filter(successSampler(ratio)).length);
  expect([all, none]).toEqual([2000, 0]);
  expect(some).toBeGreaterThan(300);
  expect(some).toBeLessThan(700);
});
