import { isMainThread } from 'node:worker_threads';
import { serveFront } from './executor.ts';
import { serveSession } from './session-thread.ts';

/**
 * Entry of an engine process. Both of its threads start here, so that the build needs one file: the main thread
 * talks to the front and decodes, the session thread runs the model.
 */
if (isMainThread) serveFront(new URL(import.meta.url));
else await serveSession();
