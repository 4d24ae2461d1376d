/**
 * Everything that the library takes from outside: time, chance, sockets, requests. Tests hand in their own, so that a
 * whole day of reconnects runs in a millisecond and the same seed gives the same day.
 *
 * @typedef {object} World
 * @property {typeof globalThis.WebSocket} WebSocket
 * @property {typeof globalThis.fetch} fetch
 * @property {() => number} now Unix milliseconds
 * @property {() => number} random 0 … 1
 * @property {(bytes: Uint8Array) => void} fillRandom
 * @property {(work: () => void, ms: number) => any} setTimeout
 * @property {(timer: any) => void} clearTimeout
 */

/**
 * @param {Partial<World>} [own]
 * @returns {World}
 */
export function makeWorld(own = {}) {
  return {
    WebSocket: globalThis.WebSocket,
    fetch: (...request) => globalThis.fetch(...request),
    now: () => Date.now(),
    random: () => Math.random(),
    fillRandom: (bytes) => void globalThis.crypto.getRandomValues(bytes),
    setTimeout: (work, ms) => globalThis.setTimeout(work, ms),
    clearTimeout: (timer) => globalThis.clearTimeout(timer),
    ...own,
  };
}
