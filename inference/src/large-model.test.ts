import { statusBytes } from '@headgate/testkit/processes';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FrontProcess, startFront } from './testing/front-process.ts';
import { expectedValue, writeLargeModel } from './testing/large-model.ts';
import { floatsOf, rawRequest } from './testing/tensor-messages.ts';

const MIB = 2 ** 20;
const FULL = process.env.E2E_FULL !== undefined;
/** External data of one version, in bytes. */
const SIZE = FULL ? 1024 * MIB : 96 * MIB;
/** What the front may take meanwhile, which answers requests. */
const FRONT_BOUND = 64 * MIB;
const LAST_ROW = SIZE / 2 / 1024 - 1;

describe(`a model with ${SIZE / MIB} MiB of external data`, () => {
  let front: FrontProcess;
  beforeAll(async () => {
    front = await startFront();
    writeLargeModel(front.models, { name: 'large', version: '1', bytes: SIZE });
    writeLargeModel(front.models, { name: 'large', version: '2', bytes: SIZE });
  }, 120_000);
  afterAll(() => front.stop());

  const ask = async (index: number) => {
    const values = BigInt64Array.of(BigInt(index));
    const answer = await front.infer(
      rawRequest('large', { name: 'index', datatype: 'INT64', shape: [1], values }),
    );
    return { version: answer.model_version, y: floatsOf(answer, 'y') };
  };

  it('is loaded, answers from its first row to its last, and is swapped while it is asked', async () => {
    const before = statusBytes(front.pid, 'VmHWM');
    await front.load('large', ['1']);
    const [, engine = 0] = front.engines();
    const { y } = await ask(LAST_ROW);
    expect([y[0], y[255]]).toEqual([expectedValue('1', LAST_ROW, 0), expectedValue('1', LAST_ROW, 255)]);

    const outcomes: string[] = [];
    let isSwapped = false;
    const caller = async () => {
      for (let row = 0; !isSwapped; row = (row + 97) % LAST_ROW) {
        const answer = await ask(row).catch((error: Error) => ({ version: error.message, y: [] }));
        const isRight = answer.y[7] === expectedValue(answer.version, row, 7);
        outcomes.push(`${answer.version} ${isRight ? 'right' : 'wrong'}`);
      }
    };
    const calls = caller();
    await front.load('large', ['2']);
    isSwapped = true;
    await calls;
    expect(new Set(outcomes)).toEqual(new Set(['1 right', ...outcomes.filter((one) => one === '2 right')]));
    expect(await ask(0)).toMatchObject({ version: '2' });

    const grown = statusBytes(front.pid, 'VmHWM') - before;
    const [, second = 0] = front.engines().filter((pid) => pid !== engine);
    const own = statusBytes(second, 'RssAnon');
    console.log(
      `the front grew by ${(grown / MIB).toFixed(1)} MiB at most; ` +
        `an engine has ${(own / MIB).toFixed(1)} MiB of its own besides the mapped files`,
    );
    expect(grown).toBeLessThan(FRONT_BOUND);
    if (FULL) expect(own).toBeLessThan(SIZE / 2);
  }, 120_000);
});
