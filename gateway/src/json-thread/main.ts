import { parentPort } from 'node:worker_threads';
import { serveThread } from './serve.ts';

if (parentPort) serveThread(parentPort);
