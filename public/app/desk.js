import { AuraClient, HttpSession, WebQueueStore, followBrowser } from '../client/index.js';

/** Which desk is for whom, and where it stands. */
export const DESKS = {
  beautician: { path: '/beautician/', roles: ['clinic_staff', 'clinic_owner', 'clinic_admin'], icon: 'leaf' },
  sales: { path: '/sales/', roles: ['sales_staff', 'clinic_owner', 'clinic_admin'], icon: 'people' },
};

/** @param {string} role @returns {Array<keyof typeof DESKS>} */
export const desksOf = (role) => /** @type {any} */ (Object.keys(DESKS).filter((name) => DESKS[name].roles.includes(role)));

/**
 * The membership that a desk works in: the one asked for in the address, else the one used last, else the first that fits.
 * @param {any[]} memberships
 * @param {string[]} roles
 * @param {string | null} wanted a clinic's id
 */
export function chooseMembership(memberships, roles, wanted) {
  const fitting = memberships.filter((membership) => roles.includes(membership.role));
  return fitting.find((membership) => membership.clinic === wanted) ?? fitting[0] ?? null;
}

/** What the sign-in page is told in its address. */
const toSignIn = (reason) => {
  const query = new URLSearchParams({ next: location.pathname + location.search });
  if (reason) query.set('reason', reason);
  location.replace(`/?${query}`);
};

/**
 * Opens a desk: a session from the cookie, a live connection, and the place in a clinic. Resolves once the hub has
 * welcomed us; what cannot become a desk (no session, no rights) ends on the sign-in page or in `blocked`.
 *
 * @param {{name: keyof typeof DESKS, onStatus: (status: any) => void, blocked: (why: 'notYours' | 'revoked' | 'version') => void}} options
 */
export function openDesk({ name, onStatus, blocked }) {
  const session = new HttpSession();
  const client = new AuraClient({
    session,
    app: { app: name, version: '1' },
    queueStore: new WebQueueStore({ storage: localStorage }),
  });
  followBrowser(client);

  return new Promise((resolve) => {
    let opened = false;
    client.on('status', (status) => {
      onStatus(status);
      if (status.state !== 'stopped') return;
      if (status.code === 4003) blocked('revoked');
      else if (status.code === 4004 || status.code === 4000) blocked('version');
      else if (status.code !== 'closed') toSignIn(opened ? 'ended' : null);
    });
    client.on('welcome', ({ user }) => {
      if (opened) return;
      const wanted = new URLSearchParams(location.search).get('clinic') ?? recall('aura.clinic');
      const membership = chooseMembership(user.memberships ?? [], DESKS[name].roles, wanted);
      if (!membership) {
        blocked('notYours');
        return;
      }
      opened = true;
      remember('aura.clinic', membership.clinic);
      resolve({
        client,
        user,
        membership,
        clinic: membership.clinic,
        staff: membership.staff,
        role: membership.role,
        hasOtherDesks: (user.memberships ?? []).length > 1 || desksOf(membership.role).length > 1,
        signOut: async () => {
          client.close();
          await session.signOut();
          location.replace('/');
        },
      });
    });
    client.connect();
  });
}

export function remember(name, value) {
  try {
    localStorage.setItem(name, value);
  } catch {
    // A browser that forbids storage only forgets.
  }
}

export function recall(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}
