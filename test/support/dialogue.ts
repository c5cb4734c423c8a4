// The dialogue in which a browser asks for a user and a password. Headless Chromium shows none, but
// asks whoever debugs it, at the same point and with the same three ways to go on.

import type { Page } from 'playwright-core';

export type Reply = { username: string; password: string } | 'cancel';

export interface Challenge {
  origin: string;
  scheme: string;
  realm: string;
}

/**
 * Gives the replies, one each time when the dialogue would open, and cancels it after the last.
 * The array returned holds what it was opened for, so far.
 */
export async function answerDialogue(page: Page, ...replies: Reply[]): Promise<Challenge[]> {
  const opened: Challenge[] = [];
  const session = await page.context().newCDPSession(page);
  session.on('Fetch.requestPaused', ({ requestId }) => {
    // A page that closes meanwhile takes its requests with it.
    session.send('Fetch.continueRequest', { requestId }).catch(() => {});
  });
  session.on('Fetch.authRequired', ({ requestId, authChallenge }) => {
    opened.push(authChallenge);
    const reply = replies.shift() ?? 'cancel';
    const authChallengeResponse =
      reply === 'cancel'
        ? { response: 'CancelAuth' as const }
        : { response: 'ProvideCredentials' as const, ...reply };
    session.send('Fetch.continueWithAuth', { requestId, authChallengeResponse }).catch(() => {});
  });
  await session.send('Fetch.enable', { handleAuthRequests: true });
  return opened;
}
