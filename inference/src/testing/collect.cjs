// Loaded into processes whose memory is judged: what V8 has merely not collected yet shall not count.
const { setFlagsFromString } = require('node:v8');
const { runInNewContext } = require('node:vm');

const EVERY_MS = 1_000;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');
setInterval(() => collect(), EVERY_MS).unref();
