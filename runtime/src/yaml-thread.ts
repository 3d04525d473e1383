import { readlinkSync } from 'node:fs';
import { setPriority } from 'node:os';
import { basename } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { parseYaml, placesOf, YamlError } from './parse-yaml.ts';

/** What a thread is for: one text, or where in it these paths are. */
export interface Task {
  readonly text: string;
  readonly paths?: readonly (readonly PropertyKey[])[];
}

/** What it answers. */
export type ParsedApart = { readonly result: unknown } | { readonly problem: string };

/** Threads that answer go first. On Linux a niceness belongs to a thread. */
const NICE = 10;

if (process.platform === 'linux') setPriority(Number(basename(readlinkSync('/proc/thread-self'))), NICE);
parentPort?.postMessage(outcomeOf(workerData));

function outcomeOf({ text, paths }: Task): ParsedApart {
  try {
    return { result: paths ? placesOf(text, paths) : parseYaml(text) };
  } catch (error) {
    if (error instanceof YamlError) return { problem: error.message };
    throw error;
  }
}
