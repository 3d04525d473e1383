import { readlinkSync } from 'node:fs';
import { setPriority } from 'node:os';
import { basename } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { parseYaml, YamlError } from './parse-yaml.ts';

/** What a thread answers that parses one text. */
export type ParsedApart = { readonly document: unknown } | { readonly problem: string };

/** Threads that answer go first. On Linux a niceness belongs to a thread. */
const NICE = 10;

if (process.platform === 'linux') setPriority(Number(basename(readlinkSync('/proc/thread-self'))), NICE);
parentPort?.postMessage(outcomeOf(workerData));

function outcomeOf(text: string): ParsedApart {
  try {
    return { document: parseYaml(text) };
  } catch (error) {
    if (error instanceof YamlError) return { problem: error.message };
    throw error;
  }
}
