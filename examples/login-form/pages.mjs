// @ts-check
// The site's pages. They work without JavaScript, and have none.

/**
 * @param {{ token: string, user?: string, wantsCode?: boolean, message?: string }} state
 */
export function loginPage({ token, user = '', wantsCode = false, message = '' }) {
  return frame(
    message ? 'Not logged in' : 'Log in',
    `<h1>Log in</h1>
    ${alert(message)}
    <form method="post" action="/login">
      ${hidden('token', token)}
      ${field('user', 'User name', { value: user, autocomplete: 'username', focus: !user })}
      ${secret('password', 'Password', 'current-password', user !== '')}
      ${wantsCode ? field('code', 'Code', { autocomplete: 'one-time-code', hint: CODE_HINT }) : ''}
      <button>Log in</button>
    </form>`,
  );
}

const CODE_HINT = 'From your token or your telephone.';

/**
 * @param {{ token: string, user: string, message?: string }} state
 */
export function newPasswordPage({ token, user, message = '' }) {
  return frame(
    message ? 'Password not changed' : 'New password',
    `<h1>Choose a new password</h1>
    ${alert(message)}
    <p>Your password has expired. Choose a new one to go on.</p>
    <form method="post" action="/password">
      ${hidden('token', token)}
      ${field('user', 'User name', { value: user, autocomplete: 'username' })}
      ${secret('password', 'Old password', 'current-password', true)}
      ${secret('next', 'New password', 'new-password')}
      ${secret('again', 'New password, again', 'new-password')}
      <button>Change the password</button>
    </form>`,
  );
}

/**
 * @param {{ principal: string, scheme: string, token: string }} state
 */
export function welcomePage({ principal, scheme, token }) {
  const how =
    scheme === 'Negotiate' ? 'with your ticket: no password was sent' : 'with your password';
  return frame(
    'Welcome',
    `<h1>Welcome, <bdi>${escapeHtml(principal)}</bdi></h1>
    <p>You logged in ${how}.</p>
    <form method="post" action="/logout">
      ${hidden('token', token)}
      <button>Log out</button>
    </form>`,
  );
}

/**
 * @param {string} title
 * @param {string} text
 */
export function wordPage(title, text) {
  return frame(
    title,
    `<h1>${title}</h1>\n    <p>${text}</p>\n    <p><a href="/login">Log in</a></p>`,
  );
}

/** @param {string} text */
const escapeHtml = (text) => text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

/**
 * A screen reader says it first.
 * @param {string} message
 */
const alert = (message) => (message ? `<p role="alert">${escapeHtml(message)}</p>` : '');

/**
 * @param {string} name
 * @param {string} value
 */
const hidden = (name, value) => `<input type="hidden" name="${name}" value="${escapeHtml(value)}">`;

/**
 * @param {string} name
 * @param {string} label
 * @param {{ value?: string, autocomplete: string, focus?: boolean, hint?: string }} options
 */
function field(name, label, { value = '', autocomplete, focus = false, hint = '' }) {
  const described = hint ? ` aria-describedby="${name}-hint"` : '';
  return `<p>
        <label for="${name}">${label}</label>
        <input id="${name}" name="${name}" value="${escapeHtml(value)}" required maxlength="256"
          autocomplete="${autocomplete}" autocapitalize="none" spellcheck="false"${described}${focus ? ' autofocus' : ''}>
        ${hint ? `<span id="${name}-hint" class="hint">${hint}</span>` : ''}
      </p>`;
}

/**
 * @param {string} name
 * @param {string} label
 * @param {string} autocomplete
 * @param {boolean} focus
 */
function secret(name, label, autocomplete, focus = false) {
  return `<p>
        <label for="${name}">${label}</label>
        <input id="${name}" name="${name}" type="password" required maxlength="1024"
          autocomplete="${autocomplete}"${focus ? ' autofocus' : ''}>
      </p>`;
}

/**
 * @param {string} title
 * @param {string} body
 */
function frame(title, body) {
  return `<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <meta name="color-scheme" content="light dark">
  <title>${title} · kpass</title>
  <link rel="stylesheet" href="/style.css">
</head>
<body>
  <main>
    ${body}
  </main>
</body>
</html>
`;
}
