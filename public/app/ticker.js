/** One clock for all running times of a page: it beats each second while somebody listens. */
const listeners = new Set();
let timer = null;

/** @param {() => void} listener @returns {() => void} */
export function everySecond(listener) {
  listeners.add(listener);
  timer ??= setInterval(() => {
    for (const each of [...listeners]) each();
  }, 1000);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0 && timer !== null) {
      clearInterval(timer);
      timer = null;
    }
  };
}
