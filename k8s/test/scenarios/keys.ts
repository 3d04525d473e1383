import { keyFileSchema } from '@headgate/contracts/keys';
import { parseYaml } from '@headgate/runtime/parse-yaml';
import { eventually, secondsSince } from '@headgate/testkit/eventually';
import { predictOnce } from '../load.ts';
import type { Scenario } from '../scenario.ts';
import { makeKey, readSecret, secret } from '../secrets.ts';

const NAME = 'headgate-keys';
/** Answers in a row after which every gateway has been asked. */
const IN_A_ROW = 30;

/** The Secret of the API keys gets one more. */
export const keysReplaced: Scenario = {
  name: 'keys',
  title: 'A key added to its Secret is accepted by every gateway, without a restart',
  withinMs: 200_000,
  async run({ kube, client, load, figure, progress, cleanUp }) {
    const { 'keys.yaml': before = '' } = await readSecret(kube, NAME);
    cleanUp((later) => later.apply(secret(NAME, { 'keys.yaml': before })));
    const { keys } = keyFileSchema.parse(parseYaml(before));
    const added = makeKey('added', 'client');
    const one = client('http1');
    cleanUp(async () => one.close());
    const running = load();
    await running.answered(20);
    await kube.apply(secret(NAME, { 'keys.yaml': JSON.stringify({ keys: [...keys, added.record] }) }));
    const startMs = performance.now();
    progress('waiting for the kubelets');
    const accepted = async () => {
      for (let i = 0; i < IN_A_ROW; i++) {
        const result = await predictOnce(one, { key: added.key, timeoutMs: 10_000, perSecond: 1 });
        if (result !== 'ok') return false;
      }
      return true;
    };
    await eventually(accepted, { what: 'the new key on every gateway', withinMs: 150_000, everyMs: 2000 });
    figure('accepted everywhere after', secondsSince(startMs));
    await running.answered(20);
    await running.stop();
  },
};
