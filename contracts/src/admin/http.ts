/** What the console needs to call the admin API. In a file without zod, for the browser. */
export const API_BASE = '/api/v1';

/** Header that carries the CSRF token of a session. */
export const CSRF_HEADER = 'x-headgate-csrf';
