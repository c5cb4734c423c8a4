// Makes kpass load the addon of a developers' build: KPASS_BUILD names its folder, such as build-dev. For
// NODE_OPTIONS=--require, so that child processes and workers do the same.

const Module = require('node:module');
const { join } = require('node:path');

const PACKAGE = join(__dirname, '../..');
const ADDON = join('build', 'Release', 'kpass.node');

const resolve = Module._resolveFilename;
Module._resolveFilename = (request, parent, ...rest) =>
  request === '../build/Release/kpass.node' && parent?.path === join(PACKAGE, 'dist')
    ? join(PACKAGE, process.env.KPASS_BUILD, ADDON)
    : resolve(request, parent, ...rest);
