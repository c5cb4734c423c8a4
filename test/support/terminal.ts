// A pseudo-terminal, and a user at it who waits for a text and types.

import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';

/** The user's next action, once a text has appeared. */
export interface Step {
  wait: string;
  type?: string;
  /** A signal to send to the program, by its name in C. */
  signal?: string;
}

export interface Session {
  /** All that the terminal showed, including echoed keys. */
  shown: string;
  /** Whether the terminal echoed keys, at each step's text. */
  echo: boolean[];
  /** Whether the terminal has its first settings again after the program's end. */
  restored: boolean;
  /** From waitpid; one of the two is null. */
  code: number | null;
  signal: number | null;
}

// Node has no pseudo-terminals. Python has, and node-gyp needs it anyway.
const PROGRAM = `
import fcntl, json, os, pty, select, signal, sys, termios, time
spec = json.load(sys.stdin)
signal.alarm(25 * int(os.environ.get('KPASS_SLOW', '1')))
master, slave = pty.openpty()
before = termios.tcgetattr(slave)
pid = os.fork()
if pid == 0:
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    for fd in (0, 1, 2): os.dup2(slave, fd)
    if spec['stdin'] is not None:
        os.dup2(os.open(spec['stdin'], os.O_RDONLY), 0)
    os.close(master); os.close(slave)
    # test/support/preload.cjs does the same for the programs that Node starts.
    if 'KPASS_PRELOAD' in os.environ: os.environ['LD_PRELOAD'] = os.environ['KPASS_PRELOAD']
    os.execv(spec['command'][0], spec['command'])
shown, seen, echo, ended = b'', 0, [], None
steps = list(spec['steps'])
while True:
    if select.select([master], [], [], 0.05)[0]:
        shown += os.read(master, 65536)
        continue
    if ended is not None: break
    if steps and steps[0]['wait'].encode() in shown[seen:]:
        step = steps.pop(0)
        seen = len(shown)
        echo.append(bool(termios.tcgetattr(slave)[3] & termios.ECHO))
        if 'type' in step: os.write(master, step['type'].encode())
        if step.get('signal') == 'SIGCONT':
            while open(f'/proc/{pid}/stat').read().rsplit(')')[-1].split()[0] != 'T': time.sleep(0.01)
        if 'signal' in step: os.kill(pid, getattr(signal, step['signal']))
    done, status = os.waitpid(pid, os.WNOHANG)
    if done: ended = status
print(json.dumps({
    'shown': shown.decode(), 'echo': echo, 'restored': termios.tcgetattr(slave) == before,
    'code': os.WEXITSTATUS(ended) if os.WIFEXITED(ended) else None,
    'signal': os.WTERMSIG(ended) if os.WIFSIGNALED(ended) else None,
}))
`;

/** Runs a program at a terminal; `stdin` is a file in place of the terminal. */
export async function atTerminal(
  command: readonly string[],
  steps: readonly Step[],
  env: Record<string, string> = {},
  stdin: string | null = null,
): Promise<Session> {
  const { NO_COLOR: _, ...inherited } = process.env;
  const child = spawn('python3', ['-c', PROGRAM], {
    env: { ...inherited, TERM: 'xterm', ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  child.stdin.end(JSON.stringify({ command, steps, stdin }));
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  if (stdout === '')
    throw new Error(`the terminal failed: ${stderr || 'the program did not end in time'}`);
  return JSON.parse(stdout);
}
