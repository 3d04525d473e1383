import type { Agreement, ShadowReport, ShadowResult } from '@headgate/contracts/admin/api';
import type { Command } from 'commander';
import { adminApiOf, modelOr } from './admin-api.ts';
import { CliError } from './errors.ts';
import { indented, milliseconds, paragraphs, percent, round, time } from './in-words.ts';
import { print } from './print.ts';
import type { Surroundings } from './surroundings.ts';

/** `headgate shadow`: versions that see copies of requests, and whose answers nobody gets. */
export function addShadow(program: Command, around: Surroundings): void {
  const shadow = program
    .command('shadow')
    .description('compare versions with control on copies of requests, without answering anybody');
  addReport(shadow, around);
  addSet(shadow, around);
}

function addReport(shadow: Command, around: Surroundings): void {
  shadow
    .command('report')
    .argument('[model]', 'model of the routing table (default: the default model)')
    .description('show how far the answers of shadows agree with those of control')
    .action(async (named: string | undefined, _: unknown, command: Command) => {
      const api = adminApiOf(command, around);
      print(command, around, await api.shadow(await modelOr(named, api)), inWords);
    });
}

function addSet(shadow: Command, around: Surroundings): void {
  shadow
    .command('set')
    .argument('<model>', 'model of the routing table')
    .argument('[version=percent...]', 'shadows and the share of requests that is copied, two at most')
    .option('--off', 'end the comparison')
    .description('set which versions see copies')
    .action(async (model: string, given: string[], { off = false }: { off?: boolean }, command: Command) => {
      if (off === given.length > 0) {
        throw new CliError('usage', 'name either shadows or --off', {
          remedy: `headgate shadow set ${model} 2=10, or headgate shadow set ${model} --off`,
        });
      }
      const shadows = given.map(shadowOf);
      const api = adminApiOf(command, around);
      const { revision } = await api.setShadow(model, { revision: (await api.routing()).revision, shadows });
      const text = shadows.map(({ version, sample }) => `version ${version} sees ${percent(sample)}`);
      print(command, around, { model, shadows, revision }, () =>
        off ? `${model} has no shadow` : `${model}: ${text.join(', ')} of the requests`,
      );
    });
}

function shadowOf(text: string): { version: string; sample: number } {
  const [, version, sample] = /^(.+)=(\d+(?:\.\d+)?)%?$/.exec(text) ?? [];
  if (version !== undefined) return { version, sample: Number(sample) };
  throw new CliError('usage', `${text} is no shadow`, { remedy: 'write a version and its percent: 2=10' });
}

function inWords({ model, control_version, shadows }: ShadowReport): string {
  if (shadows.length === 0)
    return `${model} has no shadow; headgate shadow set ${model} VERSION=PERCENT makes one`;
  return paragraphs(`${model}, control is version ${control_version}`, ...shadows.map(shadowInWords));
}

function shadowInWords(shadow: ShadowResult): string {
  const { version, sample, since_ms, compared, dropped, failed, sentence, agreement, noise } = shadow;
  const { score_drift: drift, latency, confusion } = shadow;
  const lines = [
    `copies: ${percent(sample)} of the requests since ${time(since_ms)}; ${compared} compared, ${dropped} dropped, ${failed} failed`,
    ...(agreement ? [`agreement: ${agreementInWords(agreement)}`] : []),
    ...(noise ? [`control with itself: ${agreementInWords(noise)}`] : []),
    ...(drift ? [`score: ${round(drift.mean, 4)} on average, ${round(drift.absolute, 4)} either way`] : []),
    ...(latency
      ? [
          `latency p50: ${milliseconds(latency.shadow_p50)}, control ${milliseconds(latency.control_p50)}`,
          `latency p95: ${milliseconds(latency.shadow_p95)}, control ${milliseconds(latency.control_p95)}`,
        ]
      : []),
    ...(shadow.label_order_differs ? ['the versions order their labels differently: compared by name'] : []),
    ...confusion.slice(0, 10).map((pair) => `${pair.count} times ${pair.control} became ${pair.shadow}`),
  ];
  return `version ${version}: ${sentence}\n${indented(lines.join('\n'))}`;
}

const agreementInWords = ({ value, low, high, compared }: Agreement) =>
  `${percent(value * 100)} (${percent(low * 100)} to ${percent(high * 100)}) of ${compared}`;
