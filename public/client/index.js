export { AuraClient } from './client.js';
export { AuraError } from './errors.js';
export { CLOSE_CODES, afterClose } from './close-codes.js';
export { HttpSession, fixedToken } from './http-session.js';
export { MemoryQueueStore, WebQueueStore } from './queue-store.js';
export { followBrowser } from './browser.js';
export { uuidv7 } from './uuid.js';
