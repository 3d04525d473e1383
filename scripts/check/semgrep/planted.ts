/**
 * For each rule, by its id: a path where it applies, and a line that breaks it, as text because the rule forbids the
 * code.
 */
export const PLANTED: Readonly<Record<string, { readonly file: string; readonly line: string }>> = {
  'no-code-from-text': { file: 'gateway/src/a.ts', line: 'export const a = (text: string) => eval(text);' },
  'no-shell': { file: 'scripts/b.ts', line: "spawn('ls', [dir], { stdio: 'inherit', shell: true });" },
  'no-guessable-randomness': { file: 'gateway/src/c.ts', line: 'export const id = Math.random().toString(36);' },
  'sql-by-parameters': { file: 'control/src/d.ts', line: 'await db.query("select * from keys where id = " + id);' },
  'sql-is-not-put-together': { file: 'control/src/k.ts', line: `const text = \`SELECT * FROM keys WHERE id = \${id}\`;` },
  'no-secrets-in-logs': { file: 'gateway/src/e.ts', line: "log.info({ apiKey: sent }, 'refused');" },
  'compare-secrets-in-constant-time': { file: 'gateway/src/auth/f.ts', line: 'export const ok = record.sha256 === digest;' },
  'no-waiting-for-disks-in-a-request': { file: 'gateway/src/routes/g.ts', line: "export const page = () => readFileSync('page.html');" },
  'no-patterns-from-callers': { file: 'gateway/src/h.ts', line: 'export const re = (text: string) => new RegExp(text);' },
  'certificates-are-checked': { file: 'scripts/i.ts', line: 'connect({ port, rejectUnauthorized: false });' },
  'yaml-by-one-parser': { file: 'control/src/l.ts', line: "import { parse, stringify } from 'yaml';" },
  'no-open-listeners': { file: 'control/src/j.ts', line: "server.listen(8080, '0.0.0.0');" },
}; // biome-ignore format: a rule a line
