import { AuraElement } from './aura-element.js';
import { h } from './dom.js';
import { clock } from './format.js';
import { icon } from './icons.js';
import { t } from './language.js';

/**
 * The honest light: whether what stands below is what the hub has. `data`: `{state, since}` of the client.
 */
class AuraLight extends AuraElement {
  connected() {
    this.setAttribute('role', 'status');
    this.setAttribute('aria-live', 'polite');
  }

  view() {
    const { state = 'connecting', since = null } = this.data ?? {};
    const words = t(`light.${state}`, { time: since ? clock(since) : '' });
    // On a phone the banner below says the rest.
    return h('span', { class: `light ${state}`, 'data-state': state },
      h('span', { class: state === 'live' ? '' : 'long' }, words));
  }
}

/** Under the bar, when not live: what that means for the person in front. `data`: `{state, since, queued}`. */
class AuraLightBanner extends AuraElement {
  view() {
    const { state = 'connecting', since = null, queued = 0 } = this.data ?? {};
    if (state !== 'reconnecting' && state !== 'stale') return null;
    return h('div', { class: `light-banner ${state}` }, icon('alert'),
      h('span', null,
        t(`light.banner.${state}`, { time: since ? clock(since) : '' }),
        queued > 0 ? ` ${t('light.banner.queued', { n: queued })}.` : null));
  }
}

customElements.define('aura-light', AuraLight);
customElements.define('aura-light-banner', AuraLightBanner);
