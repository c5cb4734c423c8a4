declare module 'node-gyp-build' {
  const load: {
    /** The path of the addon of the package in `directory`: built there, or shipped with it. */
    path(directory: string): string;
  };
  export default load;
}
