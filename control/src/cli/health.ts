import { CliError, type FailureCode } from './errors.ts';

/** Worst first: the exit code is that of the worst. */
const CODES = {
  down: 'down',
  degraded: 'degraded',
  starting: 'unchecked',
} as const satisfies Record<string, FailureCode>;

export interface Problem {
  readonly state: keyof typeof CODES;
  /** Such as `Redis: down`. */
  readonly text: string;
}

/** Those of the dependencies that are not in order. */
export const problemsIn = (found: readonly { readonly name: string; readonly state: string }[]): Problem[] =>
  found.flatMap(({ name, state }) => (isProblem(state) ? [{ state, text: `${name}: ${state}` }] : []));

/** @throws CliError with the exit code of the worst problem, and all of them in its message */
export function requireNone(problems: readonly Problem[], remedy: string): void {
  const states = Object.keys(CODES) as Problem['state'][];
  const sorted = problems.toSorted((a, b) => states.indexOf(a.state) - states.indexOf(b.state));
  const [worst] = sorted;
  if (worst) throw new CliError(CODES[worst.state], sorted.map(({ text }) => text).join('; '), { remedy });
}

const isProblem = (state: string): state is Problem['state'] => Object.hasOwn(CODES, state);
