// @ts-check
// What the site answers to each request, whatever the framework: who is asking, what they sent, and the
// page or the redirect that follows. express.mjs and fastify.mjs carry it.

import { randomBytes, timingSafeEqual } from 'node:crypto';
import { loginPage, newPasswordPage, welcomePage, wordPage } from './pages.mjs';

/** @typedef {import('kpass/http').HttpAuth} HttpAuth */
/** @typedef {import('node:http').IncomingMessage} IncomingMessage */

/**
 * What the sealed cookie holds. `token` is in each form of this session: another site cannot know it.
 * @typedef {{ principal?: string, scheme?: string, since?: number, token?: string }} Session
 */

/**
 * @typedef {object} Answer
 * @property {number} status
 * @property {Record<string, string | string[]>} headers
 * @property {string} body
 */

/** ms. After this time the user logs in again, and a disabled account is out at last. */
const LONGEST = 8 * 3_600_000;

/** What the page says, in place of the reason: it must not tell who has an account. */
const DENIED = {
  credentials: 'This name and this password do not log in.',
  disabled: 'This account is locked or has expired. Ask your administrators.',
  policy: 'The realm does not let this account log in here. Ask your administrators.',
  'second-factor': 'This account wants a code as well. Type it with your password.',
};

/**
 * The site. `auth` offers Negotiate alone: the form is what stands in for Basic's dialogue. `authWithCode`
 * verifies a password with a token's code after it.
 *
 * @param {HttpAuth} auth
 * @param {import('kpass/http').BasicAuth} authWithCode
 */
export function siteFor(auth, authWithCode) {
  /**
   * @param {IncomingMessage} request
   * @param {Session} session changed in place
   * @param {unknown} body the fields of the form
   * @returns {Promise<Answer>}
   */
  return async function answer(request, session, body) {
    if (isOver(session)) forget(session);
    session.token ??= randomBytes(32).toString('base64url');
    const [path] = (request.url ?? '/').split('?');
    const fields = fieldsOf(body);
    if (request.method === 'POST') {
      if (!isOwn(request, session, fields)) {
        return page(
          403,
          wordPage('Send the form again', 'It came from another page, or too late.'),
        );
      }
      if (path === '/login') return login(session, fields);
      if (path === '/password') return changePassword(session, fields);
      if (path === '/logout') {
        forget(session);
        return redirect('/goodbye');
      }
    } else if (path === '/') {
      return session.principal === undefined ? greet(request, session) : welcome(session);
    } else if (path === '/login') {
      return page(200, loginPage({ token: session.token }));
    } else if (path === '/goodbye') {
      return page(200, wordPage('You are logged out', 'Goodbye.'));
    }
    return page(404, wordPage('Not found', 'There is no such page here.'));
  };

  /**
   * A browser that has a ticket sends it when it sees the 401, and its user never sees the form. Any
   * other browser shows the body: the form.
   *
   * @param {IncomingMessage} request
   * @param {Session} session
   */
  async function greet(request, session) {
    const identity = await auth.check(request);
    if (identity === null) {
      return page(401, loginPage({ token: session.token ?? '' }), auth.headers(request));
    }
    enter(session, identity.principal, identity.scheme);
    return { ...welcome(session), headers: { ...HEADERS, ...auth.headers(request) } };
  }

  /**
   * @param {Session} session
   * @param {Fields} fields
   */
  async function login(session, fields) {
    const { user, password, code } = fields;
    // Not before the realm asks for a code: it would count a password alone as a wrong one.
    const verdict = await (code === ''
      ? auth.verify(user, password)
      : authWithCode.verify(user, `${password}${code}`));
    if (verdict.verified) {
      enter(session, verdict.principal, 'form');
      return redirect('/');
    }
    const token = session.token ?? '';
    // This does not prove that the password was right. The realm asks for it again below.
    if (verdict.reason === 'expired') return page(200, newPasswordPage({ token, user }));
    const wantsCode = verdict.reason === 'second-factor' || code !== '';
    return page(401, loginPage({ token, user, wantsCode, message: DENIED[verdict.reason] }));
  }

  /**
   * @param {Session} session
   * @param {Fields} fields
   */
  async function changePassword(session, { user, password, next, again }) {
    const retry = (/** @type {string} */ message) =>
      page(422, newPasswordPage({ token: session.token ?? '', user, message }));
    if (next !== again) return retry('The two new passwords differ.');
    const change = await auth.changePassword(user, password, next);
    if (change.changed) {
      enter(session, change.principal, 'form');
      return redirect('/');
    }
    // The realm's own words, such as "New password is too short."
    if (change.reason === 'rejected') {
      return retry(change.message ?? 'The realm does not take this new password.');
    }
    if (change.reason === 'credentials') return retry('The old password is wrong.');
    return page(
      401,
      loginPage({ token: session.token ?? '', user, message: DENIED[change.reason] }),
    );
  }

  /** @param {Session} session */
  function welcome({ principal = '', scheme = '', token = '' }) {
    return page(200, welcomePage({ principal, scheme, token }));
  }
}

/**
 * A session that begins here. A new token: someone who planted the old cookie knows the old one.
 *
 * @param {Session} session
 * @param {string} principal
 * @param {string} scheme
 */
function enter(session, principal, scheme) {
  const token = randomBytes(32).toString('base64url');
  Object.assign(session, { principal, scheme, since: Date.now(), token });
}

/** @param {Session} session */
function forget(session) {
  delete session.principal;
  delete session.scheme;
  delete session.since;
  delete session.token;
}

/** @param {Session} session */
function isOver({ since }) {
  return since !== undefined && Date.now() - since > LONGEST;
}

/**
 * Whether a form came from one of this site's own pages: it has this session's token. Browsers say so
 * too, in Sec-Fetch-Site.
 *
 * @param {IncomingMessage} request
 * @param {Session} session
 * @param {Fields} fields
 */
function isOwn(request, { token = '' }, fields) {
  const site = request.headers['sec-fetch-site'] ?? 'same-origin';
  const [ours, theirs] = [Buffer.from(token), Buffer.from(fields.token)];
  return site === 'same-origin' && ours.length === theirs.length && timingSafeEqual(ours, theirs);
}

/** @typedef {Record<'token' | 'user' | 'password' | 'code' | 'next' | 'again', string>} Fields */

/**
 * The fields of a form. A field that is missing, or came twice, is empty.
 *
 * @param {unknown} body
 * @returns {Fields}
 */
function fieldsOf(body) {
  const sent = /** @type {Record<string, unknown>} */ (body ?? {});
  const text = (/** @type {string} */ name) =>
    Object.hasOwn(sent, name) && typeof sent[name] === 'string' ? sent[name] : '';
  return {
    token: text('token'),
    user: text('user'),
    password: text('password'),
    code: text('code'),
    next: text('next'),
    again: text('again'),
  };
}

const HEADERS = {
  'Content-Type': 'text/html; charset=utf-8',
  // Nothing from other servers, no scripts, forms to this site alone, and no other page may embed this one.
  'Content-Security-Policy':
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'Cache-Control': 'no-store', // For one user only: no cache on the way may keep it.
};

/**
 * @param {number} status
 * @param {string} body
 * @param {Record<string, string | string[]>} headers
 * @returns {Answer}
 */
function page(status, body, headers = {}) {
  return { status, headers: { ...HEADERS, ...headers }, body };
}

/**
 * 303: the browser asks for the page with GET, and a reload sends no form.
 *
 * @param {string} path
 * @returns {Answer}
 */
function redirect(path) {
  return { status: 303, headers: { Location: path, 'Cache-Control': 'no-store' }, body: '' };
}

/**
 * The page for an error of kpass: it tells the browser nothing. The log has the error.
 *
 * @param {unknown} error
 * @returns {Answer}
 */
export function failurePage(error) {
  const temporary = /** @type {{ temporary?: boolean } | null} */ (error)?.temporary === true;
  return temporary
    ? page(503, wordPage('Try again later', 'Nobody can log in now.'), { 'Retry-After': '5' })
    : page(500, wordPage('Something is wrong here', 'The administrators know more from the log.'));
}
