import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fixture } from '../../testing/app-fixture.ts';
import { echoInference } from '../../testing/echo-inference.ts';
import { bodyOf, type Form, sampleTensors } from '../../testing/tensors.ts';

const RUNS = process.env.E2E_FULL ? 5000 : 300;
const forms = fc.array(fc.constantFrom<Form>('flat', 'nested', 'binary'), { minLength: 4, maxLength: 4 });

describe('any tensors, in whatever form they are sent', async () => {
  const inference = echoInference();
  const { send } = await fixture({ inference });
  const infer = (body: Uint8Array<ArrayBuffer>, headers: Record<string, string>) =>
    send('/v2/models/net/infer', { method: 'POST', body, headers });

  it('reach inference as the same raw blocks', async () => {
    await fc.assert(
      fc.asyncProperty(sampleTensors, forms, async (tensors, chosen) => {
        const { body, headers } = bodyOf(tensors, (i) => chosen[i] as Form);
        expect((await infer(body, headers)).status).toBe(200);
        const { request } = inference.asked.infers.at(-1) ?? {};
        expect(request?.inputs?.map(({ name, datatype, shape }) => ({ name, datatype, shape }))).toEqual(
          tensors.map(({ name, datatype, shape }) => ({ name, datatype, shape })),
        );
        expect(request?.raw_input_contents?.map((block) => Buffer.from(block))).toEqual(
          tensors.map(({ block }) => Buffer.from(block)),
        );
      }),
      { numRuns: RUNS },
    );
  });

  it('are answered with the same values in JSON and in binary', async () => {
    await fc.assert(
      fc.asyncProperty(
        sampleTensors,
        fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }),
        async (tensors, binary) => {
          const outputs = tensors.map(({ name }, i) => ({ name, parameters: { binary_data: binary[i] } }));
          const { body, headers } = bodyOf(tensors, () => 'binary', { outputs });
          const answer = await infer(body, headers);
          const bytes = Buffer.from(await answer.arrayBuffer());
          const jsonBytes = Number(answer.headers.get('inference-header-content-length') ?? bytes.byteLength);
          const { outputs: answered } = JSON.parse(bytes.toString('utf8', 0, jsonBytes));
          let offset = jsonBytes;
          for (const [i, tensor] of tensors.entries()) {
            const { name, datatype, shape, data, parameters } = answered[i];
            expect({ name, datatype, shape }).toEqual({ name, datatype, shape: tensor.shape });
            if (!binary[i]) {
              expect(data).toEqual(tensor.values);
              continue;
            }
            const end = offset + parameters.binary_data_size;
            expect(bytes.subarray(offset, end)).toEqual(Buffer.from(tensor.block));
            offset = end;
          }
          expect(offset).toBe(bytes.byteLength);
        },
      ),
      { numRuns: RUNS },
    );
  });
});
