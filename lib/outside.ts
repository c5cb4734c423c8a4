// kpass must stay outside of a bundle: it finds its binary and its files by the folder of this file.
// The first import of kpass and of kpass/http, with no imports of its own: in a bundle of ES modules
// the first import of a module of Node's fails, with an error that does not name kpass.

/** What to do about a bundle. */
export const BUNDLED =
  'kpass seems to be inside a bundle, which cannot hold its binary. Leave kpass outside: ' +
  "--external:kpass (esbuild), externals: ['kpass'] (webpack), external: ['kpass'] (Rollup), " +
  "ssr.external: ['kpass'] (Vite), serverExternalPackages: ['kpass'] (Next.js). Then install kpass " +
  'where the bundle runs.';

if (typeof __dirname === 'undefined') throw new Error(BUNDLED);
