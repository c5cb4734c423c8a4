// Runs a program of `kpass build`, without a shell.

import { spawn } from 'node:child_process';

export interface Ran {
  ok: boolean;
  stdout: string;
  /** With the reason if the program cannot start. */
  stderr: string;
}

interface RunOptions {
  env?: NodeJS.ProcessEnv;
  /** What the program reads from stdin. */
  input?: string;
  signal?: AbortSignal;
}

/** Never rejects. */
export function run(command: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const [program = '', ...args] = command;
  const { input = '', ...rest } = options;
  return new Promise((resolve) => {
    const child = spawn(program, args, { ...rest, stdio: 'pipe' });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text));
    child.stdin.on('error', () => {}); // The program may not read it.
    child.stdin.end(input);
    child.on('error', (error) => resolve({ ok: false, stdout, stderr: error.message }));
    child.on('close', (code) => resolve({ ok: code === 0, stdout, stderr }));
  });
}
