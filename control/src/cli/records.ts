import type { AccuracyRow, AuditRow, RequestItem, RequestView } from '@headgate/contracts/admin/api';
import type { Command } from 'commander';
import { adminApiOf } from './admin-api.ts';
import { indented, milliseconds, NONE, paragraphs, percent, round, time, timeBefore } from './in-words.ts';
import { print, table } from './print.ts';
import type { Surroundings } from './surroundings.ts';

/** `headgate records`: what the store knows of predictions. */
export function addRecords(program: Command, around: Surroundings): void {
  const records = program.command('records').description('find a prediction; show accuracy by feedback');
  addShow(records, around);
  addAccuracy(records, around);
}

function addShow(records: Command, around: Surroundings): void {
  records
    .command('show')
    .argument('<id>', 'id of an answer, its X-Request-Id, or its X-Trace-Id')
    .description('show a prediction: versions, outcome, feedback, and its audit records')
    .action(async (id: string, _: unknown, command: Command) => {
      print(command, around, await adminApiOf(command, around).request(id), requestInWords);
    });
}

function addAccuracy(records: Command, around: Surroundings): void {
  records
    .command('accuracy')
    .argument('[model]', 'only this model')
    .description('show the accuracy of each version by the feedback of callers')
    .option('--from <time>', 'predictions since then: 2030-01-31, or 7d before now')
    .option('--to <time>', 'predictions until then')
    .action(async (model: string | undefined, options: { from?: string; to?: string }, command: Command) => {
      const [from_ms, to_ms] = [options.from, options.to].map((text) => timeBefore(text, around.nowMs()));
      const answer = await adminApiOf(command, around).accuracy({ model, from_ms, to_ms });
      print(command, around, answer, accuracyInWords);
    });
}

const ID_NAMES = { id: 'id', request_id: 'request id', trace_id: 'trace id' } as const;

function requestInWords({ found_by: by, items, audit, ...view }: RequestView): string {
  const { id, at_ms, model, request_id, trace_id } = view;
  const what = items.length > 0 ? `prediction ${id} of ${model}` : 'a request without a prediction';
  return paragraphs(
    [
      `${what} at ${time(at_ms)}, found by its ${ID_NAMES[by]}`,
      `request id  ${request_id ?? NONE}`,
      `trace id    ${trace_id ?? NONE}`,
    ].join('\n'),
    ...items.map(itemInWords),
    audit.length === 0 ? '' : `audit\n${indented(auditTable(audit))}`,
  );
}

function itemInWords(item: RequestItem): string {
  const { index, outcome, label, score, version, variant, assigned_variant: assigned, experiment } = item;
  const result = label === null ? outcome : `${label} (${score === null ? NONE : round(score, 4)})`;
  const split =
    variant === null
      ? 'version named by the caller'
      : `variant ${variant} of ${experiment}${assigned === variant ? '' : `, assigned ${assigned}`}`;
  const image =
    item.image_sha256 === null ? 'tensors' : `sha256 ${item.image_sha256}, ${item.image_bytes} bytes`;
  return [
    `image ${index}: ${result}`,
    `  version ${version}, ${split}, ${milliseconds(item.latency_ms)}`,
    `  ${image}`,
    `  unit (hashed) ${item.unit}, key (hashed) ${item.tenant}`,
    ...(item.feedback === null ? [] : [`  feedback ${feedbackInWords(item.feedback)}`]),
  ].join('\n');
}

function feedbackInWords({ at_ms, label, class_id, reward }: NonNullable<RequestItem['feedback']>): string {
  const parts = [
    label,
    class_id === null ? null : `class ${class_id}`,
    reward === null ? null : `reward ${reward}`,
  ];
  return `at ${time(at_ms)}: ${parts.filter((part) => part !== null).join(', ')}`;
}

function accuracyInWords({ accuracy }: { readonly accuracy: readonly AccuracyRow[] }): string {
  if (accuracy.length === 0) return 'there is no feedback in this time; callers send it to POST /v1/feedback';
  const rows = accuracy.map((row) => [
    row.model,
    row.version,
    percent(row.accuracy * 100),
    `${percent(row.low * 100)} to ${percent(row.high * 100)}`,
    String(row.correct),
    String(row.judged),
  ]);
  return table(['MODEL', 'VERSION', 'ACCURACY', '95 % INTERVAL', 'CORRECT', 'JUDGED'], rows);
}

const AUDIT_HEADINGS = ['TIME', 'WHO', 'ACTION', 'OUTCOME', 'REQUEST', 'RECORD', 'REASON'];

export function auditTable(entries: readonly AuditRow[]): string {
  const rows = entries.map(({ at_ms, who, action, outcome, reason, request_id, writer, seq }) => [
    time(at_ms),
    who ?? NONE,
    action,
    outcome,
    request_id ?? NONE,
    `${writer}/${seq}`,
    reason ?? NONE,
  ]);
  return table(AUDIT_HEADINGS, rows);
}
