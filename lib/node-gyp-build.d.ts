declare module 'node-gyp-build' {
  /** Loads the addon that was built in, or came with, the package in `directory`. */
  export default function load(directory: string): unknown;
}
