/** Interval of progress lines of a long step when the output is not a terminal. */
const PLAIN_INTERVAL_MS = 20_000;
/** Maximum characters of a tool's line in a progress line. */
const MAX_TEXT = 80;
const LIVE_INTERVAL_MS = 100;
const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];

/**
 * @typedef {object} Task
 * @property {(text: string) => void} progress shows the current activity
 * @property {() => void} done
 * @property {() => void} failed
 *
 * @typedef {object} Ui
 * @property {(text: string) => void} say   one line of its own
 * @property {(title: string) => Task} begin a task with its elapsed time: one live line on a terminal, plain lines elsewhere
 */

/**
 * @param {NodeJS.WriteStream} stream
 * @returns {Ui}
 */
export function createUi(stream) {
  const say = (/** @type {string} */ text) => void stream.write(`${text}\n`);
  return { say, begin: (title) => (stream.isTTY ? liveTask(stream, title) : plainTask(say, title)) };
}

/** @param {number} startedAt by performance.now() */
function elapsed(startedAt) {
  return `${((performance.now() - startedAt) / 1000).toFixed(1)} s`;
}

/**
 * @param {NodeJS.WriteStream} stream
 * @param {string} title
 * @returns {Task}
 */
function liveTask(stream, title) {
  const startedAt = performance.now();
  let text = '';
  let frame = 0;
  const draw = () => {
    frame = (frame + 1) % FRAMES.length;
    const line = `${FRAMES[frame]} ${title}  ${elapsed(startedAt)}  ${text}`;
    stream.write(`\r\u001b[2K${line.slice(0, (stream.columns ?? 80) - 1)}`);
  };
  const timer = setInterval(draw, LIVE_INTERVAL_MS);
  const end = (/** @type {string} */ mark) => {
    clearInterval(timer);
    stream.write(`\r\u001b[2K${mark} ${title}  ${elapsed(startedAt)}\n`);
  };
  draw();
  return {
    progress: (line) => {
      text = line;
    },
    done: () => end('✓'),
    failed: () => end('✗'),
  };
}

/**
 * @param {(text: string) => void} say
 * @param {string} title
 * @returns {Task}
 */
function plainTask(say, title) {
  const startedAt = performance.now();
  let text = '';
  say(`  ${title} …`);
  const timer = setInterval(
    () => say(`  ${title} … ${elapsed(startedAt)}  ${text.slice(0, MAX_TEXT)}`),
    PLAIN_INTERVAL_MS,
  );
  const end = (/** @type {string} */ mark) => {
    clearInterval(timer);
    say(`${mark} ${title}  ${elapsed(startedAt)}`);
  };
  return {
    progress: (line) => {
      text = line;
    },
    done: () => end('✓'),
    failed: () => end('✗'),
  };
}
