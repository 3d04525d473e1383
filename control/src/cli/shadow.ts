import type { Agreement, ShadowReport, ShadowResult } from '@headgate/contracts/admin/api';
import type { Command } from 'commander';
import { adminApiOf, modelOr } from './admin-api.ts';
import { CliError } from './errors.ts';
import { indented, milliseconds, paragraphs, percent, round, time } from './in-words.ts';
import { print } from './print.ts';
import type { Surroundings } from './surroundings.ts';

/** `headgate shadow`: versions that get copies of requests, and whose answers no client gets. */
export function addShadow(program: Command, around: Surroundings): void {
  const shadow = program
    .command('shadow')
    .description('compare versions with the control on copies of requests; no client gets their answers');
  addReport(shadow, around);
  addSet(shadow, around);
}

function addReport(shadow: Command, around: Surroundings): void {
  shadow
    .command('report')
    .argument('[model]', 'model of the routing table (default: the default model)')
    .description('show how often shadows give the same first label as the control')
    .action(async (named: string | undefined, _: unknown, command: Command) => {
      const api = adminApiOf(command, around);
      print(command, around, await api.shadow(await modelOr(named, api)), inWords);
    });
}

function addSet(shadow: Command, around: Surroundings): void {
  shadow
    .command('set')
    .argument('<model>', 'model of the routing table')
    .argument('[version=percent...]', 'up to two versions, each with the percent of requests to copy to it')
    .option('--off', 'end all shadows of the model')
    .description('choose the versions that get copies; every other version gets none')
    .action(async (model: string, given: string[], { off = false }: { off?: boolean }, command: Command) => {
      if (off === given.length > 0) {
        throw new CliError('usage', 'name versions, or --off alone', {
          remedy: `headgate shadow set ${model} 2=10, or headgate shadow set ${model} --off`,
        });
      }
      const shadows = given.map(shadowOf);
      const api = adminApiOf(command, around);
      const { revision } = await api.setShadow(model, { revision: (await api.routing()).revision, shadows });
      const text = shadows.map(
        ({ version, sample }) => `version ${version} gets copies of ${percent(sample)} of the requests`,
      );
      print(command, around, { model, shadows, revision }, () =>
        off ? `${model}: no version gets copies` : `${model}: ${text.join(', ')}`,
      );
    });
}

function shadowOf(text: string): { version: string; sample: number } {
  const [, version, sample] = /^(.+)=(\d+(?:\.\d+)?)%?$/.exec(text) ?? [];
  if (version !== undefined) return { version, sample: Number(sample) };
  throw new CliError('usage', `${text} is not a version and a percent`, { remedy: 'write for example 2=10' });
}

function inWords({ model, control_version, shadows }: ShadowReport): string {
  if (shadows.length === 0)
    return `${model} has no shadow; start one with headgate shadow set ${model} VERSION=PERCENT`;
  return paragraphs(`${model}, control is version ${control_version}`, ...shadows.map(shadowInWords));
}

function shadowInWords(shadow: ShadowResult): string {
  const { version, sample, since_ms, compared, dropped, failed, sentence, agreement, noise } = shadow;
  const { score_drift: drift, latency, confusion } = shadow;
  const lines = [
    `${sample > 0 ? `copies of ${percent(sample)} of the requests` : 'ended, gets no copies'}; since ${time(since_ms)} ${compared} compared, ${dropped} dropped, ${failed} failed`,
    ...(agreement ? [`same first label: ${agreementInWords(agreement)}`] : []),
    ...(noise ? [`control with itself: ${agreementInWords(noise)}`] : []),
    ...(drift
      ? [
          `change of its score: mean ${round(drift.mean, 4)}, mean size ${round(drift.absolute, 4)}${ofNoise(drift)}`,
        ]
      : []),
    ...(latency
      ? [
          `latency p50: ${milliseconds(latency.shadow_p50)}, control ${milliseconds(latency.control_p50)}`,
          `latency p95: ${milliseconds(latency.shadow_p95)}, control ${milliseconds(latency.control_p95)}`,
        ]
      : []),
    ...confusion
      .slice(0, 10)
      .map((pair) => `${pair.count} times: control ${pair.control}, version ${version} ${pair.shadow}`),
  ];
  return `${sentence}\n${indented(lines.join('\n'))}`;
}

const ofNoise = ({ noise_absolute: size }: NonNullable<ShadowResult['score_drift']>) =>
  size === null ? '' : `, control with itself ${round(size, 4)}`;

const agreementInWords = ({ value, low, high, compared }: Agreement) =>
  `${percent(value * 100)} (${percent(low * 100)} to ${percent(high * 100)}) of ${compared}`;
