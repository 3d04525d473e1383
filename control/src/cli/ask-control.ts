import {
  ADMIN_REASONS,
  type AdminReason,
  API_BASE,
  OPERATOR_HEADER,
  type Problem,
} from '@headgate/contracts/admin/api';
import { internalAddress } from '@headgate/contracts/names';
import { readInternalSecret } from '@headgate/runtime/internal-secret';
import type { z } from 'zod';
import { operator } from './audited.ts';
import { CliError, type FailureCode } from './errors.ts';
import { withProgress } from './progress.ts';
import type { Installation, Surroundings } from './surroundings.ts';

export interface Question<T> {
  readonly path: '/internal/audit' | '/internal/judged';
  readonly answer: z.ZodType<T>;
  readonly withinMs: number;
  /** Sent as JSON; absent = a GET. */
  readonly body?: unknown;
}

/** Asks the process control, which alone can open the embedded database. @throws CliError failed, ConfigError */
export async function askControl<T>(
  { path, answer, withinMs, body }: Question<T>,
  installation: Installation,
  around: Pick<Surroundings, 'fetch'>,
): Promise<T> {
  const method = body === undefined ? 'GET' : 'POST';
  const response = await send({ method, path, body, withinMs }, installation, around);
  const parsed = answer.safeParse(response.ok ? await response.json().catch(() => undefined) : undefined);
  if (!parsed.success) throw new ControlAwayError(hostOf(installation), withinMs, parsed.error);
  return parsed.data;
}

export type Method = 'GET' | 'POST' | 'PUT';

/** A look reads what control has at hand; a report may read the whole store; a change may wait for it. */
export type Kind = 'look' | 'report' | 'change';

export interface ApiCall {
  readonly kind: Kind;
  readonly method: Method;
  readonly path: string;
  readonly body?: unknown;
}

const LOOK_WITHIN_MS = 5000;
/** Longer than control lets a read take, so that its refusal arrives. */
const WITHIN_MS = 65_000;

/**
 * Calls a route of the admin API, whose answers contracts/src/admin/api.ts describes, as the user who runs the command.
 *
 * @returns the parsed JSON, or CSV as it is
 * @throws CliError with the code of the refusal; failed when control does not answer
 */
export async function callControl<T>(
  { kind, method, path, body }: ApiCall,
  installation: Installation,
  around: Surroundings,
): Promise<T> {
  const call = { method, path: `${API_BASE}${path}`, body };
  const work = async () => {
    if (kind === 'look') return answerTo<T>({ ...call, withinMs: LOOK_WITHIN_MS }, installation, around);
    // A control that hangs must be known before the long wait, and before a change.
    await send(LIVEZ, installation, around);
    return answerTo<T>({ ...call, withinMs: WITHIN_MS }, installation, around).catch((error: unknown) => {
      throw kind === 'change' && error instanceof ControlAwayError ? unknownOutcome(error) : error;
    });
  };
  return withProgress('waiting for control', around, work());
}

const LIVEZ = { method: 'GET', path: '/livez', body: undefined, withinMs: LOOK_WITHIN_MS } as const;

const unknownOutcome = (cause: ControlAwayError) =>
  new CliError('failed', `${cause.message}: the change may have been made`, {
    remedy: 'see whether it was, before you try again: headgate audit find --since 5m',
    cause,
  });

async function answerTo<T>(call: Call, installation: Installation, around: Surroundings): Promise<T> {
  const response = await send(call, installation, around);
  const type = response.headers.get('content-type') ?? '';
  const answer: unknown = await (type.includes('json') ? response.json() : response.text()).catch(
    (cause: unknown) => {
      throw new ControlAwayError(hostOf(installation), call.withinMs, cause);
    },
  );
  if (response.ok && /json|csv/.test(type)) return answer as T;
  throw refusalOf(response.status, answer);
}

interface Call {
  readonly method: Method;
  readonly path: string;
  readonly body: unknown;
  readonly withinMs: number;
}

async function send(
  { method, path, body, withinMs }: Call,
  installation: Installation,
  { fetch }: Pick<Surroundings, 'fetch'>,
): Promise<Response> {
  const host = hostOf(installation);
  const { config, root } = installation;
  const response = await fetch(`http://${host}${path}`, {
    method,
    signal: AbortSignal.timeout(withinMs),
    redirect: 'error',
    headers: {
      ...readInternalSecret(config.listen, root)?.header,
      [OPERATOR_HEADER]: operatorName(),
      'content-type': 'application/json',
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  }).catch((cause: unknown) => {
    throw new ControlAwayError(host, withinMs, cause);
  });
  if (response.status !== 401) return response;
  throw new CliError('failed', `control at ${host} does not accept the internal secret of this machine`, {
    remedy: 'give listen.internal_secret_file the text that control reads',
  });
}

/** The user who runs the command, in the letters that control takes for a name. */
const operatorName = (): string =>
  operator()
    .replace(/^user:[^A-Za-z0-9]*/, '')
    .replaceAll(/[^A-Za-z0-9._@-]/g, '-')
    .slice(0, 64) || 'unknown';

const hostOf = ({ config: { listen, records } }: Installation) =>
  records.control_target || internalAddress(listen, 'control');

/** Control does not answer: commands that follow something wait for it. */
export class ControlAwayError extends CliError {
  /** It accepts connections. */
  readonly hangs: boolean;

  constructor(host: string, withinMs: number, cause: unknown) {
    const isLate = cause instanceof Error && cause.name === 'TimeoutError';
    const within = isLate ? ` within ${withinMs / 1000} s` : '';
    super('failed', `control does not answer at ${host}${within}`, { remedy: isLate ? HANGS : AWAY, cause });
    this.hangs = isLate;
  }
}

const HANGS = 'it accepts connections and hangs: see its log, then stop the service and start it again';
const AWAY =
  'start the service (npm start), or name its ports: HEADGATE_LISTEN__PORT_BASE; headgate doctor looks for the cause';

const CODES: Partial<Record<AdminReason, FailureCode>> = {
  invalid: 'usage',
  too_large: 'usage',
  not_found: 'not_found',
  conflict: 'conflict',
  not_leader: 'conflict',
};

function refusalOf(status: number, answer: unknown): CliError {
  const { reason, detail } = Object(answer) as Partial<Problem>;
  if (reason === undefined || !Object.hasOwn(ADMIN_REASONS, reason)) {
    return new CliError('failed', `control answered with status ${status}`, {
      remedy: 'its log has the cause; check that control and this program are of one release',
    });
  }
  return new CliError(CODES[reason] ?? 'failed', 'control refuses the request', {
    remedy: detail ?? 'try again later',
  });
}
