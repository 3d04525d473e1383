import { parentPort, workerData } from 'node:worker_threads';
import { parseYaml, YamlError } from './parse-yaml.ts';

/** What a thread answers that parses one text. */
export type ParsedApart = { readonly document: unknown } | { readonly problem: string };

parentPort?.postMessage(outcomeOf(workerData));

function outcomeOf(text: string): ParsedApart {
  try {
    return { document: parseYaml(text) };
  } catch (error) {
    if (error instanceof YamlError) return { problem: error.message };
    throw error;
  }
}
