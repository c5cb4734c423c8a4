// Asks libkrb5 and the system's resolver, in a process of its own and with a deadline for each question. A
// keytab that is a pipe holds its reader without end, and so does a silent name server for a long time:
// even process.exit() waits for them. A process can be killed.

import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import type { Settings } from '../../settings.js';
import { BrokenLink, broken, type Diagnosis } from './chain.js';
import type { questions } from './questions.js';

export type { KeytabKey, KeytabReport, LoginReport } from '../../binding.js';

type Questions = typeof questions;
type Name = keyof Questions;
type Rest<F> = F extends (settings: Settings, ...rest: infer R) => unknown ? R : never;

/** A message to the child. */
export interface Question {
  name: Name;
  args: unknown[];
}
/** A message from the child. */
type Answer = { answer: unknown } | { failure: string };

const CHILD = join(__dirname, 'child.js');

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** There was no answer before the deadline. */
class Late extends BrokenLink {}

/** For `catch`: says in other words that there was no answer in time. */
export function ifLate(diagnosis: Diagnosis): (error: unknown) => never {
  return (error) => {
    throw error instanceof Late ? new BrokenLink(diagnosis) : error;
  };
}

export class Krb5 {
  readonly #settings: Settings;
  #child: ChildProcess | null = null;
  #release = () => {};

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  /**
   * The answer. Rejects after the timeout of the settings, and if the addon does not load. Ask one
   * question at a time.
   */
  async ask<N extends Name>(
    name: N,
    ...rest: Rest<Questions[N]>
  ): Promise<Awaited<ReturnType<Questions[N]>>> {
    this.#child ??= await this.#start();
    const child = this.#child;
    const { timeout } = this.#settings;
    const late = setTimeout(() => child.kill('SIGKILL'), timeout);
    const answer = answerOf(child);
    child.send({ name, args: [this.#settings, ...rest] });
    try {
      return (await answer) as Awaited<ReturnType<Questions[N]>>;
    } catch (error) {
      this.#release();
      this.#child = null;
      if (child.signalCode !== 'SIGKILL') throw error;
      throw new Late(broken(`libkrb5 gave no answer in ${timeout} ms (${name})`));
    } finally {
      clearTimeout(late);
    }
  }

  async #start(): Promise<ChildProcess> {
    // Advanced: the settings hold a Map. Without the options of this process: a module that it was
    // started with (--import) is not for doctor.
    const child = fork(CHILD, {
      execArgv: [],
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    this.#release = killWithThisProcess(child);
    await answerOf(child);
    return child;
  }

  /** Ends the process that asks. */
  close(): void {
    this.#release();
    this.#child?.kill('SIGKILL');
    this.#child = null;
  }
}

/** A child that libkrb5 holds would outlive this process. Returns the function that ends the watch. */
function killWithThisProcess(child: ChildProcess): () => void {
  const listeners = new Map<string, () => void>();
  const listen = (event: string, listener: () => void) => {
    listeners.set(event, listener);
    process.once(event, listener);
  };
  listen('exit', () => child.kill('SIGKILL'));
  for (const signal of SIGNALS) {
    // A program with a listener of its own decides itself how it ends.
    if (process.listenerCount(signal) > 0) continue;
    listen(signal, () => {
      child.kill('SIGKILL');
      process.kill(process.pid, signal);
    });
  }
  return () => {
    for (const [event, listener] of listeners) process.off(event, listener);
  };
}

/** The next answer of the child. Rejects if the child fails or ends. */
function answerOf(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const end = () => {
      child.off('message', take);
      child.off('exit', fail);
      child.off('error', fail);
    };
    const take = (message: unknown) => {
      end();
      const answer = message as Answer;
      if ('answer' in answer) resolve(answer.answer);
      else reject(new Error(answer.failure));
    };
    const fail = (reason: Error | number | null, signal?: string | null) => {
      end();
      reject(reason instanceof Error ? reason : new Error(`libkrb5 crashed: ${signal ?? reason}`));
    };
    child.on('message', take);
    child.on('exit', fail);
    child.on('error', fail);
  });
}
