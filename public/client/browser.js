/**
 * Lets a client hear what the browser knows: the network came or went, the tablet was woken.
 * @param {import('./client.js').AuraClient} client
 * @param {Window & typeof globalThis} [page]
 * @returns {() => void} stops listening
 */
export function followBrowser(client, page = window) {
  const online = () => client.wake();
  const offline = () => client.doubt();
  const shown = () => {
    if (page.document.visibilityState === 'visible') client.wake();
  };
  page.addEventListener('online', online);
  page.addEventListener('offline', offline);
  page.document.addEventListener('visibilitychange', shown);
  return () => {
    page.removeEventListener('online', online);
    page.removeEventListener('offline', offline);
    page.document.removeEventListener('visibilitychange', shown);
  };
}
