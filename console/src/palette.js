// Colours for canvases, which cannot read style sheets: resolved from the same custom properties.

/** @type {Map<string, string>} */
let resolved = new Map();
/** @type {HTMLElement | undefined} */
let probe;

/**
 * The colour of a custom property in the present theme.
 * @param {string} name Without the dashes.
 */
export function colour(name) {
  const known = resolved.get(name);
  if (known) return known;
  if (!probe) {
    probe = document.createElement('i');
    probe.hidden = true;
    document.body.append(probe);
  }
  probe.style.color = `var(--${name})`;
  const value = getComputedStyle(probe).color;
  resolved.set(name, value);
  return value;
}

/** @type {Set<() => void>} */
const listeners = new Set();

/** Forgets the colours and tells who drew with them. */
export function themeChanged() {
  resolved = new Map();
  for (const listener of listeners) listener();
}

/**
 * Calls back when the theme changes, until the returned function is called.
 * @param {() => void} listener
 */
export function onTheme(listener) {
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
  };
}

matchMedia('(prefers-color-scheme: dark)').addEventListener('change', themeChanged);
