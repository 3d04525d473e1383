#!/usr/bin/env node
/** `npx headgate`: the command line, under Node 24 whatever Node started it. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const MIN_MAJOR = 24;

/** @param {string} relative */
const beside = (relative) => fileURLToPath(new URL(relative, import.meta.url));

// A checkout runs the sources, so that no stale bundle answers; an image has the bundle alone.
const entry = [beside('../src/cli/main.ts'), beside('../dist/headgate.js')].find((path) => existsSync(path));
const pinned = beside('../../node_modules/node/bin/node');

if (entry === undefined) refuse('the program is not here: run npm run build');
else if (Number(process.versions.node.split('.')[0]) >= MIN_MAJOR) await import(entry);
else if (existsSync(pinned)) passOn(pinned, [entry, ...process.argv.slice(2)]);
else refuse(`Node ${MIN_MAJOR} is needed, this is ${process.versions.node}: run npm ci in the checkout`);

/** @param {string} message */
function refuse(message) {
  process.stderr.write(`headgate: ${message}\n`);
  process.exitCode = 1;
}

/**
 * Same terminal, same signals, same exit code.
 *
 * @param {string} command
 * @param {string[]} args
 */
function passOn(command, args) {
  const child = spawn(command, args, { stdio: 'inherit' });
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM']))
    process.on(signal, () => child.kill(signal));
  child.on('error', (error) => refuse(error.message));
  child.on('exit', (code) => {
    process.exitCode = code ?? 1;
  });
}
