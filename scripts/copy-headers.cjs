// Copies the headers that the addon includes besides libkrb5's: Node-API's, and node-addon-api's. With
// them, `kpass build` needs no header of Node's installation. Comments are left out, but not the licences.
//
// usage: node scripts/copy-headers.cjs FOLDER

const { mkdirSync, readFileSync, writeFileSync } = require('node:fs');
const { dirname, join } = require('node:path');

const HEADERS = {
  'node-api-headers': {
    licence: 'LICENSE',
    files: ['js_native_api.h', 'js_native_api_types.h', 'node_api.h', 'node_api_types.h'],
  },
  'node-addon-api': { licence: 'LICENSE.md', files: ['napi.h', 'napi-inl.h'] },
};

/** A comment, or a literal, which may contain what looks like a comment. */
const TOKEN = /\/\*[\s\S]*?\*\/|\/\/.*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'/g;

const withoutComments = (text) =>
  text
    .replaceAll(TOKEN, (token) => (token[0] === '/' ? ' ' : token))
    .replaceAll(/[ \t]+$/gm, '')
    .replaceAll(/\n{2,}/g, '\n');

const [folder] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });
const licences = [];
for (const [name, { licence, files }] of Object.entries(HEADERS)) {
  const root = dirname(require.resolve(`${name}/package.json`));
  const from = name === 'node-api-headers' ? join(root, 'include') : root;
  for (const file of files) {
    writeFileSync(join(folder, file), withoutComments(readFileSync(join(from, file), 'utf8')));
  }
  licences.push(`${files.join(', ')}: ${name}\n\n${readFileSync(join(root, licence), 'utf8')}`);
}
writeFileSync(join(folder, 'LICENSE'), licences.join('\n'));
