/**
 * A UUID version 7 (RFC 9562): 48 bits of Unix milliseconds, then chance. Made here because a command's key must exist
 * before anything has been sent, and `crypto.randomUUID` is missing on a page without TLS.
 *
 * @param {{now: () => number, fillRandom: (bytes: Uint8Array) => void}} world
 * @returns {string}
 */
export function uuidv7({ now, fillRandom }) {
  const bytes = new Uint8Array(16);
  fillRandom(bytes);
  let ms = now();
  for (let index = 5; index >= 0; index -= 1) {
    bytes[index] = ms % 256;
    ms = Math.floor(ms / 256);
  }
  bytes[6] = 0x70 | (bytes[6] & 0x0f);
  bytes[8] = 0x80 | (bytes[8] & 0x3f);
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
