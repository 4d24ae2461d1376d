import { en } from './words-en.js';
import { th } from './words-th.js';

/** The language of the screen: asked for once, remembered on this device. @typedef {'th' | 'en'} Language */

const WORDS = { th, en };
const STORED_AS = 'aura.language';
const listeners = new Set();
let current = first();

function first() {
  try {
    const stored = globalThis.localStorage?.getItem(STORED_AS);
    if (stored === 'th' || stored === 'en') return stored;
  } catch {
    // Storage may be forbidden; then the browser's own language decides each time.
  }
  return (globalThis.navigator?.language ?? 'th').toLowerCase().startsWith('en') ? 'en' : 'th';
}

export const language = () => current;

/** @param {Language} next */
export function setLanguage(next) {
  if (next === current) return;
  current = next;
  try {
    globalThis.localStorage?.setItem(STORED_AS, next);
  } catch {
    // As above.
  }
  markDocument();
  for (const listener of [...listeners]) listener(next);
}

/** @param {(language: Language) => void} listener @returns {() => void} */
export function onLanguage(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Tells the document which language it speaks, for readers and hyphenation. */
export function markDocument() {
  if (globalThis.document) document.documentElement.lang = current;
}

/**
 * The words for a key, with values in the place of `{names}`. One walk, so that a name with braces changes nothing.
 * @param {string} key
 * @param {Record<string, any>} [values]
 * @returns {string}
 */
export function t(key, values = {}) {
  const words = WORDS[current][key] ?? WORDS.en[key] ?? key;
  return words.replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ''));
}

/** Whether there are words for a key. @param {string} key */
export const hasWords = (key) => key in WORDS.en;

/** Names as the hub keeps them, `{th, en}`; one stands in for the other. @param {any} names */
export const named = (names) => (typeof names === 'string' ? names : names?.[current] ?? names?.en ?? names?.th ?? '');

markDocument();
