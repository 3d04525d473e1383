// Loaded into every Node process of a soak that is run with --collect: garbage is collected twice every ten seconds, and
// what is still held is written beside it, so that a leak does not hide behind what V8 has not collected yet.
const { appendFileSync } = require('node:fs');
const { setFlagsFromString } = require('node:v8');
const { runInNewContext } = require('node:vm');

const EVERY_MS = 10_000;
const file = process.env.SOAK_HELD_FILE;

if (file) {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc');
  setInterval(() => {
    collect();
    collect();
    const { heapUsed, external } = process.memoryUsage();
    appendFileSync(file, `${process.pid} ${Date.now()} ${heapUsed + external}\n`);
  }, EVERY_MS).unref();
}
