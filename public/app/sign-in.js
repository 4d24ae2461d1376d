import { AuraElement } from './aura-element.js';
import { DESKS, desksOf } from './desk.js';
import { fieldError } from './dialog.js';
import { h } from './dom.js';
import { span } from './format.js';
import { icon, mark } from './icons.js';
import { named, t } from './language.js';
import { languageButton } from './top-bar.js';
import { AuraClient, HttpSession } from '../client/index.js';

/** The door: who are you, and where do you work now? */
class SignIn extends AuraElement {
  #session = new HttpSession();
  #email = '';
  #password = '';
  #isShown = false;
  #isBusy = false;
  #error = null;
  #fieldErrors = {};
  /** Memberships to choose from, once signed in. @type {any[] | null} */
  #memberships = null;
  #name = '';
  #isLooking = true;

  async connected() {
    const query = new URLSearchParams(location.search);
    if (query.get('reason') === 'ended') this.#error = () => t('signin.ended');
    // Who comes from a desk that found no session need not be asked whether there is one.
    if (!query.has('next')) {
      try {
        await this.#session.refresh();
        await this.#enter();
      } catch {
        // Nobody is signed in, or the hub is away: the form is the answer to both.
      }
    }
    this.#isLooking = false;
    this.update();
  }

  view() {
    if (this.#isLooking) return h('p', { class: 'sr', role: 'status' }, t('app.loading'));
    return h('div', { class: 'signin' },
      h('div', { class: 'signin-art', 'aria-hidden': 'true' },
        h('div', { class: 'brand' }, mark(), h('span', null, t('app.name'))),
        h('p', null, t('app.tagline'))),
      h('main', { class: 'signin-main', id: 'main' },
        h('div', { class: 'signin-top' }, languageButton()),
        this.#memberships ? this.#desks() : this.#form()));
  }

  #form() {
    return h('form', { key: 'form', class: 'signin-box', novalidate: true, onsubmit: (event) => { event.preventDefault(); this.#submit(); } },
      h('header', null, h('h1', null, t('signin.title')), h('p', { class: 'soft' }, t('signin.lead'))),
      this.#error ? h('p', { class: 'notice bad', role: 'alert' }, icon('alert'), h('span', null, this.#error())) : null,
      h('div', { class: 'field' },
        h('label', { for: 'email' }, t('signin.email')),
        h('input', {
          class: 'input', id: 'email', name: 'email', type: 'email', inputmode: 'email', autocomplete: 'username', autocapitalize: 'none', spellcheck: 'false', required: true,
          value: this.#email, 'aria-invalid': this.#fieldErrors.email ? 'true' : null, oninput: (event) => { this.#email = event.target.value; },
        })),
      h('div', { class: 'field' },
        h('label', { for: 'password' }, t('signin.password')),
        h('div', { class: 'input-group' },
          h('input', {
            class: 'input', id: 'password', name: 'password', type: this.#isShown ? 'text' : 'password', autocomplete: 'current-password', required: true,
            value: this.#password, 'aria-invalid': this.#fieldErrors.password ? 'true' : null, oninput: (event) => { this.#password = event.target.value; },
          }),
          h('button', {
            class: 'button quiet', type: 'button', 'aria-pressed': String(this.#isShown), 'aria-label': t(this.#isShown ? 'signin.hide' : 'signin.show'),
            onclick: () => { this.#isShown = !this.#isShown; this.update(); },
          }, t(this.#isShown ? 'signin.hideShort' : 'signin.showShort')))),
      fieldError('signin', this.#fieldErrors.email || this.#fieldErrors.password ? t('signin.missing') : undefined),
      h('button', { class: `button primary large block${this.#isBusy ? ' busy' : ''}`, type: 'submit', disabled: this.#isBusy }, t(this.#isBusy ? 'signin.busy' : 'signin.submit')));
  }

  #desks() {
    const choices = this.#memberships.flatMap((membership) => desksOf(membership.role).map((name) => ({ membership, name })));
    const hasMany = new Set(choices.map(({ membership }) => membership.clinic)).size > 1;
    return h('div', { key: 'desks', class: 'signin-box' },
      h('header', null,
        h('h1', null, t('signin.hello', { name: this.#name })),
        h('p', { class: 'soft' }, t(choices.length > 0 ? 'signin.choose' : 'signin.none'))),
      h('nav', { class: 'desks' }, choices.map(({ membership, name }) =>
        h('a', { key: name + membership.clinic, class: 'card desk', href: deskAddress(name, membership) },
          icon(/** @type {any} */ (DESKS[name].icon)),
          h('span', null,
            h('b', null, t(`desk.${name}`), hasMany ? ` · ${clinicName(membership)}` : ''),
            h('span', { class: 'soft small' }, t(`desk.${name}.lead`)))))),
      h('button', { class: 'button quiet', type: 'button', onclick: () => this.#leave() }, t('signin.other')));
  }

  async #submit() {
    this.#fieldErrors = {};
    this.#error = null;
    if (this.#email.trim() === '') this.#fieldErrors.email = true;
    if (this.#password === '') this.#fieldErrors.password = true;
    const missing = Object.keys(this.#fieldErrors)[0];
    if (missing) {
      this.draw();
      /** @type {HTMLElement} */ (this.querySelector(`#${missing}`)).focus();
      return;
    }
    this.#isBusy = true;
    this.update();
    try {
      await this.#session.signIn(this.#email.trim(), this.#password);
      await this.#enter();
    } catch (error) {
      this.#error = () => signInWords(error);
    }
    this.#isBusy = false;
    this.draw();
    if (this.#error) /** @type {HTMLElement | null} */ (this.querySelector('#password'))?.focus();
  }

  /** One desk is entered, several are offered; a desk that sent us here is gone back to. */
  async #enter() {
    const memberships = this.#session.user?.memberships ?? await this.#askHub();
    const next = new URLSearchParams(location.search).get('next');
    const desks = memberships.flatMap((membership) => desksOf(membership.role).map((name) => ({ membership, name })));
    const wanted = desks.find(({ name }) => next?.startsWith(DESKS[name].path));
    if (wanted && next) location.replace(next);
    else if (desks.length === 1) location.replace(deskAddress(desks[0].name, desks[0].membership));
    else {
      this.#memberships = memberships;
      this.#name = this.#session.user?.name ?? this.#session.user?.full_name ?? '';
      this.update();
    }
  }

  /** The welcome says which clinics one belongs to, if signing in has not. */
  #askHub() {
    return new Promise((resolve, reject) => {
      const client = new AuraClient({ session: this.#session, app: { app: 'sign-in', version: '1' } });
      client.on('welcome', ({ user }) => {
        this.#name = user.name;
        client.close();
        resolve(user.memberships ?? []);
      });
      client.on('status', (status) => {
        if (status.state === 'stale' || (status.state === 'stopped' && status.code !== 'closed')) {
          client.close();
          reject(Object.assign(new Error('no welcome'), { code: 'unreachable' }));
        }
      });
      client.connect();
    });
  }

  async #leave() {
    await this.#session.signOut();
    this.#memberships = null;
    this.#password = '';
    this.update();
  }
}

const deskAddress = (name, { clinic }) => `${DESKS[name].path}?clinic=${encodeURIComponent(clinic)}`;

const clinicName = (membership) => named(membership.clinic_name) || named(membership.name) || membership.clinic_code || membership.clinic.slice(0, 8);

function signInWords(error) {
  if (error.status === 401) return t('signin.wrong');
  if (error.status === 429) return t('signin.tooMany', { wait: span(Math.max(60_000, error.retryMs ?? 60_000)) });
  if (error.code === 'unreachable') return t('signin.unreachable');
  if (error.temporary) return t('signin.busyHub');
  return t('signin.failed', { code: error.code });
}

customElements.define('sign-in', SignIn);
