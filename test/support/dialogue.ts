// Answers the dialogue in which a browser asks for a user and a password. Headless Chromium shows
// no dialogue, but asks its debugger at the same point, with the same three ways to go on.

import type { Page } from 'playwright-core';

export type Reply = { username: string; password: string } | 'cancel';

export interface Challenge {
  origin: string;
  scheme: string;
  realm: string;
}

/**
 * Gives one reply each time the dialogue would open, and cancels it after the last reply.
 * Returns an array that gets the URL of each dialogue as it opens.
 */
export async function answerDialogue(page: Page, ...replies: Reply[]): Promise<Challenge[]> {
  const opened: Challenge[] = [];
  const session = await page.context().newCDPSession(page);
  session.on('Fetch.requestPaused', ({ requestId }) => {
    // If the page closes meanwhile, its requests are gone.
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
