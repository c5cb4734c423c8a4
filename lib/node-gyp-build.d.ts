declare module 'node-gyp-build' {
  const load: {
    /** The path of the addon that was built in, or came with, the package in `directory`. */
    path(directory: string): string;
  };
  export default load;
}
