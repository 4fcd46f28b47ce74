// What the reader chose, kept in this browser. Where storage is forbidden, the choice holds until the page is left.

export function recall(name) {
  try {
    return localStorage.getItem(`gpai.${name}`);
  } catch {
    return null;
  }
}

export function remember(name, value) {
  try {
    localStorage.setItem(`gpai.${name}`, value);
  } catch {
    // Nothing to do: see above.
  }
}
