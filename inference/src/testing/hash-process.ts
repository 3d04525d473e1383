import { type Seal, sealFiles } from '../models/seal.ts';

/** A process that verifies the files of a version, told by message, and answers how much its memory grew at most. */
process.once('message', async ({ directory, manifest }: Parameters<typeof answer>[0]) => {
  process.send?.(await answer({ directory, manifest }));
  process.disconnect();
});

async function answer(version: {
  readonly directory: string;
  readonly manifest: Parameters<typeof sealFiles>[1];
}): Promise<{ readonly grownBytes: number }> {
  const beforeKib = process.resourceUsage().maxRSS;
  const seal: Seal = await sealFiles(version.directory, version.manifest);
  await seal.check();
  return { grownBytes: (process.resourceUsage().maxRSS - beforeKib) * 1024 };
}
