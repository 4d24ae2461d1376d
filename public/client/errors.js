/**
 * What the hub refused, or what kept it from answering. `code` is stable (protocol reference, "error codes"); `message`
 * is for a log, not for a person; `temporary` says that nothing happened and the same key may be sent again.
 */
export class AuraError extends Error {
  /**
   * @param {string} code
   * @param {string} [message]
   * @param {{temporary?: boolean, details?: object, retryMs?: number, status?: number}} [more]
   */
  constructor(code, message = code, { temporary = false, details = {}, retryMs, status } = {}) {
    super(message);
    this.name = 'AuraError';
    this.code = code;
    this.temporary = temporary;
    this.details = details;
    this.retryMs = retryMs;
    this.status = status;
  }

  /** @param {any} error the `error` member of an ack or a result, or an `error` frame */
  static fromWire(error) {
    return new AuraError(error?.code ?? 'internal', error?.message ?? error?.code ?? 'internal', {
      temporary: error?.temporary === true,
      details: error?.details ?? {},
      retryMs: error?.retry_ms,
    });
  }
}
