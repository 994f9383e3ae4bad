// Web storage. It may be switched off or full: a reload then forgets, and nothing else is lost.

/** `area` is 'localStorage' or 'sessionStorage'. */
export function read(area, key) {
  try {
    return JSON.parse(window[area].getItem(key));
  } catch {
    return null;
  }
}

export function write(area, key, value) {
  try {
    window[area].setItem(key, JSON.stringify(value));
  } catch {
    // See above.
  }
}

export function remove(area, key) {
  try {
    window[area].removeItem(key);
  } catch {
    // See above.
  }
}
