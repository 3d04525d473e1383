import type { Scenario } from '../scenario.ts';

/** One photo through Envoy, gateway and inference, by each kind of client. */
export const prediction: Scenario = {
  name: 'prediction',
  title: 'A photo is classified through Envoy over TLS, by HTTP/1.1 and HTTP/2',
  async run({ kube, load, figure }) {
    for (const component of ['envoy', 'gateway', 'inference', 'control'])
      figure(component, (await kube.readyPods(component)).length);
    const running = load();
    await running.answered(40);
    const { p99Ms } = await running.stop();
    figure('p99', `${p99Ms.toFixed(0)} ms`);
  },
};
