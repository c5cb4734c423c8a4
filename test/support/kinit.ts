// Runs MIT's own client programs: they see a realm as any client does.

import { execFile } from 'node:child_process';

export interface Outcome {
  /** 0 if the client succeeded. */
  code: number;
  stdout: string;
  stderr: string;
}

/**
 * Runs a Kerberos client with this krb5.conf and with `input` on stdin. The client keeps its
 * credentials in its memory, unless `env` names another cache. It prints English.
 */
export function client(
  config: string,
  command: readonly string[],
  input = '',
  env: Record<string, string> = {},
): Promise<Outcome> {
  const [program = '', ...args] = command;
  const variables = { KRB5_CONFIG: config, KRB5CCNAME: 'MEMORY:', LC_ALL: 'C', ...env };
  return new Promise((resolve, reject) => {
    const child = execFile(
      program,
      args,
      { env: { ...process.env, ...variables } },
      (error, stdout, stderr) => {
        if (error && typeof error.code !== 'number') return reject(error); // killed, or not found
        resolve({ code: Number(error?.code ?? 0), stdout, stderr });
      },
    );
    child.stdin?.on('error', () => {}); // the client may end without reading a password
    child.stdin?.end(input);
  });
}

/** Logs a user in with a password. `options` are kinit's, such as '-S', 'HTTP/localhost'. */
export function kinit(
  config: string,
  user: string,
  password: string,
  ...options: string[]
): Promise<Outcome> {
  return client(config, ['kinit', ...options, '--', user], `${password}\n`);
}
