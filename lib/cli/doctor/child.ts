// The process that asks libkrb5 and the resolver for doctor. It answers one question after the other, until doctor is gone.

import type { Question } from './krb5.js';

type Asked = (...args: unknown[]) => unknown;

async function main(): Promise<void> {
  // Not at the head of the file: the addon may not load, and doctor has to learn why.
  const { questions } = await import('./questions.js');
  process.on('message', async ({ name, args }: Question) => {
    process.send?.({ answer: await (questions[name] as Asked)(...args) });
  });
  process.send?.({ answer: null }); // ready
}

process.on('disconnect', () => process.exit());
main().catch((error: Error) => process.send?.({ failure: error.message }));
