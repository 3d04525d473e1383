import { type Airflow, airflowAt } from '@headgate/testkit/airflow';
import { forward } from '../deploy/forward.ts';
import type { Context } from './scenario.ts';
import { readSecret } from './secrets.ts';

const PORT = 8080;

/** The Airflow of the release, by `kubectl port-forward` and with the password of its Secret. */
export async function openAirflow({ kube, release, signal, cleanUp }: Context): Promise<Airflow> {
  const forwarded = await forward(kube, `pod/${release}-airflow-0`, PORT, signal);
  cleanUp(async () => forwarded[Symbol.asyncDispose]());
  const { 'passwords.json': passwords = '{}' } = await readSecret(kube, 'headgate-airflow');
  return airflowAt(`http://127.0.0.1:${forwarded.port}`, JSON.parse(passwords).admin, signal);
}
