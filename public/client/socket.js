/** The subprotocol; without it the hub refuses the upgrade. */
export const SUBPROTOCOL = 'aura.v1.json';

/**
 * One WebSocket from opening to its single end. Whatever ends it – the peer, the network, `drop()` – `ended` is called
 * exactly once and no frame comes after.
 */
export class Socket {
  #socket;
  #isOver = false;
  #ended;

  /**
   * @param {{WebSocket: typeof globalThis.WebSocket, url: string, opened: () => void, frame: (frame: any) => void,
   *   ended: (end: {code: number, reason: string}) => void}} options
   */
  constructor({ WebSocket, url, opened, frame, ended }) {
    this.#ended = ended;
    this.#socket = new WebSocket(url, SUBPROTOCOL);
    this.#socket.onopen = () => {
      if (!this.#isOver) opened();
    };
    this.#socket.onmessage = ({ data }) => {
      if (this.#isOver) return;
      let parsed;
      try {
        parsed = JSON.parse(data);
      } catch {
        this.drop('a frame that is not JSON');
        return;
      }
      frame(parsed);
    };
    this.#socket.onclose = ({ code, reason }) => this.#end({ code, reason });
    // An error is always followed by close, which says more.
    this.#socket.onerror = () => {};
  }

  /** @param {object} frame */
  send(frame) {
    if (!this.#isOver && this.#socket.readyState === 1) this.#socket.send(JSON.stringify(frame));
  }

  /** Gives the link up without waiting for the peer's goodbye, which on a dead link would take minutes. */
  drop(reason = 'dropped', code = 1006) {
    if (this.#isOver) return;
    try {
      this.#socket.close(1000);
    } catch {
      // Not yet open: closing it is what we wanted.
    }
    this.#end({ code, reason });
  }

  #end(end) {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#ended(end);
  }
}
