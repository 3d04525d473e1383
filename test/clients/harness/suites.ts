import { join } from 'node:path';
import { glibcProblem, pythonProblem } from './suitable.ts';

/** Tests of one client, in an environment of their own. */
export interface ClientSuite {
  /** Parent of the folder with the tests, and of `requirements`; `test/clients` by default. */
  readonly home?: string;
  /** Name of the folder with the tests. */
  readonly name: string;
  /** Requirements file of the environment in which pytest runs. */
  readonly environment: string;
  /** Further environments, whose interpreters the tests find in the context. */
  readonly uses?: readonly string[];
  /** Longest run of its tests, in ms; five minutes by default. */
  readonly timeoutMs?: number;
  /** Why it cannot run on this machine; undefined when it can. */
  readonly problem?: (python: string) => Promise<string | undefined>;
}

/**
 * Every client has an environment of its own, because that is how they are used, and because the generated code of
 * two of them cannot be loaded into one process.
 */
export const CLIENT_SUITES: readonly ClientSuite[] = [
  { name: 'uploads', environment: 'http', uses: ['http-old'], timeoutMs: 10 * 60_000 },
  { name: 'tritonclient', environment: 'tritonclient' },
  {
    name: 'kserve',
    environment: 'kserve',
    problem: (python) => pythonProblem(python, 'kserve 0.21.0', { below: 14 }),
  },
  // Its environment has the HTTP libraries that people use.
  {
    name: 'forms',
    environment: 'kserve',
    problem: (python) => pythonProblem(python, 'kserve 0.21.0', { below: 14 }),
  },
  {
    name: 'mlserver',
    environment: 'tritonclient',
    uses: ['mlserver'],
    problem: (python) => pythonProblem(python, 'mlserver 1.7.1', { below: 13 }),
  },
  {
    name: 'perf_analyzer',
    environment: 'tritonclient',
    uses: ['perf-analyzer'],
    problem: () => glibcProblem('perf-analyzer 2.60.0', 2.38),
  },
];

const HOME = 'test/clients';

export function requirementsOf(root: string, environment: string, home: string = HOME): string {
  return join(root, home, 'requirements', `${environment}.txt`);
}

/** pytest's settings for a suite, relative to the checkout. */
export function iniOf({ home = HOME }: ClientSuite): string {
  return `${home}/pytest.ini`;
}

/** The tests of a suite, relative to the checkout. */
export function folderOf({ home = HOME, name }: ClientSuite): string {
  return `${home}/${name}`;
}
