// A property of an object that the caller gives. kpass/testing imports nothing from the rest of kpass,
// so this is the same as in lib/validate.ts.

/** Undefined if the object has the property from Object.prototype, of any realm of JavaScript. */
export function propertyOf(object: object, key: string): unknown {
  let holder: object | null = object;
  while (holder !== null && !Object.hasOwn(holder, key)) holder = Object.getPrototypeOf(holder);
  const isPolluted = holder !== null && holder !== object && isObjectPrototype(holder);
  return isPolluted ? undefined : (object as Record<string, unknown>)[key];
}

function isObjectPrototype(object: object): boolean {
  return Object.getPrototypeOf(object) === null && Object.hasOwn(object, 'hasOwnProperty');
}
