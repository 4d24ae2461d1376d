/**
 * What to do after the socket has closed, by its code (protocol reference, "close codes").
 *
 * - `stop`: our own fault or the end of our rights; coming back would only repeat it.
 * - `later`: come back with the cursors after `bye.reconnect_ms`, else after a backoff.
 * - `refresh`: come back at once with a fresh token.
 * - `now`: come back at once.
 *
 * @typedef {'stop' | 'later' | 'refresh' | 'now'} AfterClose
 */

/** @type {Readonly<Record<number, {name: string, then: AfterClose}>>} */
export const CLOSE_CODES = Object.freeze({
  1003: { name: 'binary frame', then: 'stop' },
  1007: { name: 'invalid UTF-8', then: 'stop' },
  1009: { name: 'frame too large', then: 'stop' },
  4000: { name: 'bad frame', then: 'stop' },
  4001: { name: 'bad or missing token', then: 'stop' },
  4003: { name: 'access revoked', then: 'stop' },
  4004: { name: 'unknown version', then: 'stop' },
  4100: { name: 'draining', then: 'later' },
  4101: { name: 'overloaded', then: 'later' },
  4102: { name: 'rate limited', then: 'later' },
  4103: { name: 'too slow', then: 'later' },
  4104: { name: 'no pong', then: 'later' },
  4105: { name: 'internal', then: 'later' },
  4200: { name: 'token expired', then: 'refresh' },
  4201: { name: 'scope changed', then: 'now' },
  4202: { name: 'resubscribe', then: 'now' },
});

/**
 * A code that the table does not name is a network's or a proxy's, and passes.
 * @param {number} code
 * @returns {AfterClose}
 */
export const afterClose = (code) => CLOSE_CODES[code]?.then ?? 'later';
