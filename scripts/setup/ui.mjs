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
  return { say, begin: (title) => startTask(stream, title) };
}

/**
 * Shows one step while it runs.
 *
 * @template T
 * @param {Pick<Ui, 'begin'>} ui
 * @param {string} title
 * @param {(progress: (text: string) => void) => Promise<T>} act
 * @returns {Promise<T>}
 */
export async function step(ui, title, act) {
  const task = ui.begin(title);
  try {
    const result = await act(task.progress);
    task.done();
    return result;
  } catch (error) {
    task.failed();
    throw error;
  }
}

/**
 * @param {NodeJS.WriteStream} stream
 * @param {string} title
 * @returns {Task}
 */
function startTask(stream, title) {
  const startedAt = performance.now();
  const elapsed = () => `${((performance.now() - startedAt) / 1000).toFixed(1)} s`;
  const clear = stream.isTTY ? '\r\u001b[2K' : '';
  let text = '';
  let frame = 0;
  const drawLive = () => {
    frame = (frame + 1) % FRAMES.length;
    const line = `${FRAMES[frame]} ${title}  ${elapsed()}  ${text}`;
    stream.write(clear + line.slice(0, (stream.columns ?? 80) - 1));
  };
  const drawPlain = () => stream.write(`  ${title} … ${elapsed()}  ${text.slice(0, MAX_TEXT)}\n`);
  if (stream.isTTY) drawLive();
  else stream.write(`  ${title} …\n`);
  const timer = stream.isTTY
    ? setInterval(drawLive, LIVE_INTERVAL_MS)
    : setInterval(drawPlain, PLAIN_INTERVAL_MS);
  const end = (/** @type {string} */ mark) => {
    clearInterval(timer);
    stream.write(`${clear}${mark} ${title}  ${elapsed()}\n`);
  };
  return {
    progress: (line) => {
      text = line;
    },
    done: () => end('✓'),
    failed: () => end('✗'),
  };
}
