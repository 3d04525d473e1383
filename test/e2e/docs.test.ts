import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { axeFindings } from '@headgate/testkit/axe';
import { browserObstacle, collectProblems, launchBrowser } from '@headgate/testkit/browser';
import { httpsClient } from '@headgate/testkit/http';
import { samplePhoto } from '@headgate/testkit/photos';
import { postPhoto } from '@headgate/testkit/predict';
import { ROOT } from '@headgate/testkit/root';
import { seedRouting } from '@headgate/testkit/routing';
import { type OwnedStack, startStack } from '@headgate/testkit/stack';
import type { Browser, BrowserContextOptions } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openApiDocument } from '../../gateway/src/openapi.ts';
import { FEEDBACK } from '../../gateway/src/openapi-examples.ts';
import type { CodeSample } from '../../gateway/src/openapi-samples.ts';

interface Operation {
  readonly operationId: string;
  readonly 'x-codeSamples': readonly CodeSample[];
}
const paths = openApiDocument().paths as Record<string, Record<string, Operation>>;
const operations = Object.values(paths).flatMap((methods) => Object.values(methods));
const obstacle = browserObstacle();
const SCREENSHOTS = join(ROOT, 'state/test/screenshots');

let stack: OwnedStack;
let dir: string;
let url: string;
/** Of a real answer, in place of the one in the examples. */
let predictionId: string;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'headgate-e2e-docs-'));
  const routingFile = join(dir, 'routing.yaml');
  seedRouting(routingFile);
  stack = await startStack({
    env: {
      HEADGATE_ROUTING_FILE: routingFile,
      HEADGATE_GATEWAY__DOCS_PUBLIC: 'true',
      HEADGATE_INFERENCE__MODEL_CONTROL: 'explicit',
      // Loading a model may take longer than a prediction.
      HEADGATE_GATEWAY__DEADLINE__DEFAULT_MS: '30000',
    },
  });
  url = stack.ready.https as string;
  copyFileSync(join(ROOT, 'samples/rocket.jpg'), join(dir, 'photo.jpg'));
  copyFileSync(stack.ready.caFile as string, join(dir, 'ca.crt'));
  const client = httpsClient(stack.ready);
  const answer = await postPhoto(client, samplePhoto('rocket.jpg'), { key: stack.ready.keys.admin });
  predictionId = JSON.parse(answer.text).id;
  await client.close();
});
afterAll(async () => {
  const orphans = await stack?.stop();
  rmSync(dir, { recursive: true, force: true });
  expect(orphans).toEqual([]);
});

const current = (source: string) => source.replaceAll(FEEDBACK.prediction_id, predictionId);

/** What a sample prints. */
async function run({ label, source }: CodeSample, name: string): Promise<string> {
  const env = {
    ...process.env,
    API_URL: url,
    API_KEY: stack.ready.keys.admin,
    NODE_EXTRA_CA_CERTS: 'ca.crt',
  };
  const program = (command: string, ending: string) => {
    const file = `${name}.${ending}`;
    writeFileSync(join(dir, file), current(source));
    return promisify(execFile)(command, [file], { cwd: dir, env });
  };
  const python = join(ROOT, 'pipelines/.venv/bin/python');
  if (label === 'Node') return (await program(process.execPath, 'mjs')).stdout;
  if (label.startsWith('Python')) return (await program(python, 'py')).stdout;
  const { stdout } = await promisify(execFile)(
    'bash',
    ['-c', current(source).replace('--cacert', "-s -w '\\n%{http_code}' --cacert")],
    { cwd: dir, env },
  );
  return stdout.trim().split('\n').toReversed().join(' ');
}

describe('The code in the OpenAPI document does what it shows', () => {
  // Without its model nothing else would be answered: unloading, then loading, comes last.
  const last = (id: string) => ['unloadModel', 'loadModel'].indexOf(id);
  const inOrder = operations.toSorted((a, b) => last(a.operationId) - last(b.operationId));

  it.each(inOrder)('$operationId', async ({ operationId, 'x-codeSamples': samples }) => {
    for (const sample of samples.filter(({ label }) => label !== 'Browser')) {
      const answer = await run(sample, operationId);
      // Only the first one finds the model loaded.
      const isGone = operationId === 'unloadModel' && sample.label !== 'curl';
      expect(answer, sample.source).toMatch(isGone ? /^404\b/ : /^20[02]\b/);
    }
  });
});

describe.skipIf(obstacle !== undefined)('The page /docs in a browser', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchBrowser();
  });
  afterAll(() => browser?.close());

  /** @param at of the page, as its list of contents links it */
  async function open(at: string, options: BrowserContextOptions = {}) {
    const context = await browser.newContext({
      ignoreHTTPSErrors: true,
      reducedMotion: 'reduce',
      ...options,
    });
    const page = await context.newPage();
    const problems = collectProblems(page);
    const hosts = new Set<string>();
    page.on('request', (request) => hosts.add(new URL(request.url()).host));
    await page.goto(`${url}/docs${at}`);
    return { page, problems, hosts, close: () => context.close() };
  }

  it.each([
    ['light', { colorScheme: 'light', viewport: { width: 1280, height: 900 } }],
    ['dark', { colorScheme: 'dark', viewport: { width: 1280, height: 900 } }],
    ['phone', { colorScheme: 'light', viewport: { width: 360, height: 740 } }],
  ] as const)('shows bodies, examples and code, and asks no other host: %s', async (name, options) => {
    const { page, problems, hosts, close } = await open('#tag/predict/POST/predict', options);
    await page.getByRole('heading', { name: 'Classify images with the default model' }).waitFor();
    await page.getByText('image=@photo.jpg').first().waitFor();
    await page.getByText('"tiger cat"').first().waitFor();
    if (name !== 'phone') {
      for (const tag of ['feedback', 'models', 'open inference']) {
        await page.getByRole('button', { name: `Open Group - ${tag}` }).waitFor();
      }
    }
    mkdirSync(SCREENSHOTS, { recursive: true });
    await page.screenshot({ path: join(SCREENSHOTS, `docs-${name}.png`) });
    expect(await axeFindings(page)).toEqual([]);
    expect(problems).toEqual([]);
    expect([...hosts]).toEqual([new URL(url).host]);
    await close();
  });

  it('runs the code for browsers', async () => {
    const { page, problems, close } = await open('');
    await page.evaluate(
      'document.body.insertAdjacentHTML("afterbegin", "<input id=key><input id=photo type=file multiple>")',
    );
    await page.fill('#key', stack.ready.keys.admin);
    await page.setInputFiles('#photo', join(dir, 'photo.jpg'));
    for (const { operationId, 'x-codeSamples': samples } of operations) {
      const source = samples.find(({ label }) => label === 'Browser')?.source;
      if (source === undefined || /loadModel/i.test(operationId)) continue;
      const status = await page.evaluate(`(async () => { ${current(source)}; return answer.status; })()`);
      expect([200, 202], source).toContain(status);
    }
    expect(problems).toEqual([]);
    await close();
  });
});
