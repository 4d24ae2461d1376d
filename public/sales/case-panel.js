import { AuraElement } from '../app/aura-element.js';
import { h } from '../app/dom.js';
import { clock, moment } from '../app/format.js';
import { icon } from '../app/icons.js';
import { t } from '../app/language.js';
import { BEFORE_PAYMENT, STAGES } from './cases.js';
import './case-timeline.js';

/**
 * One case: where it stands, what comes next, what happened. `data`:
 * `{workflow, customer, treatment, beautician, sales, isOwn, now, tap, history, close(), pay(), arrive()}`.
 */
class CasePanel extends AuraElement {
  connected() {
    this.className = 'panel';
  }

  view() {
    const { workflow } = this.data ?? {};
    if (!workflow) {
      return h('div', { key: 'none', class: 'empty' }, icon('people'), h('h2', null, t('sales.pick.title')), h('p', null, t('sales.pick.lead')));
    }
    const { customer, close, history, now } = this.data;
    return h('section', { key: workflow.id, class: 'card panel-card', 'aria-labelledby': 'case-name', 'data-open-case': workflow.id },
      h('button', { class: 'button quiet panel-back', type: 'button', onclick: close }, icon('back'), t('app.back')),
      h('div', { class: 'panel-head' },
        h('div', null,
          h('h2', { id: 'case-name', tabindex: '-1' }, customer?.full_name ?? '…'),
          h('span', { class: `badge ${workflow.current_stage}`, 'data-badge': workflow.current_stage }, t(`stage.${workflow.current_stage}`)))),
      this.#steps(workflow),
      this.#next(workflow),
      this.#facts(workflow),
      h('div', null,
        h('div', { class: 'section-head' }, h('h3', null, t('case.timeline'))),
        h('case-timeline', { data: { ...history, now } })));
  }

  #steps({ current_stage: stage }) {
    const here = STAGES.indexOf(stage);
    return h('div', { class: 'steps', role: 'img', 'aria-label': t('case.progress', { n: here + 1, stage: t(`stage.${stage}`) }) },
      STAGES.map((name, index) => h('span', { key: name, class: index < here ? 'past' : index === here ? 'here' : '', title: t(`stage.${name}`) })));
  }

  #next(workflow) {
    const { tap, isOwn, pay, arrive, beautician, sales } = this.data;
    const stage = workflow.current_stage;
    const isBusy = tap !== null;
    const actions = [];
    if (workflow.status === 'active' && BEFORE_PAYMENT.has(stage)) {
      if (isOwn) actions.push(this.#button('pay', 'baht', t(isBusy ? 'pay.busy' : 'case.confirmPayment'), isBusy, pay));
      else actions.push(h('p', { key: 'others', class: 'soft' }, t('case.notMine', { name: sales ?? t('case.nobody') })));
    }
    if (workflow.status === 'active' && stage === 'treatment_scheduled' && !workflow.checked_in_at) {
      actions.push(this.#button('arrive', 'check', t('case.checkIn'), isBusy, arrive));
    }
    const waiting = workflow.status === 'cancelled' ? 'case.waitFor.cancelled' : `case.waitFor.${stage}`;
    const isWaiting = !BEFORE_PAYMENT.has(stage) && stage !== 'payment_confirmed';
    return h('div', { class: 'next-step' },
      h('h3', null, t('case.next')),
      actions.length > 0 ? h('div', { class: 'row' }, actions) : null,
      stage === 'payment_confirmed' ? h('p', null, t('case.waitFor.payment_confirmed')) : null,
      isWaiting ? h('p', null, t(waiting, { name: beautician ?? t('case.somebody') })) : null);
  }

  #button(key, drawing, words, isBusy, onclick) {
    return h('button', { key, class: `button primary large${isBusy ? ' busy' : ''}`, type: 'button', disabled: isBusy, 'data-act': key, onclick },
      isBusy ? null : h('span', { key: 'icon', class: 'icon-slot' }, icon(drawing)), words);
  }

  #facts(workflow) {
    const { customer, treatment, beautician, sales, now } = this.data;
    const fact = (key, value) => (value ? h('div', { key }, h('dt', null, t(`case.${key}`)), h('dd', null, value)) : null);
    const start = workflow.scheduled_start;
    return h('dl', { class: 'facts' },
      fact('phone', customer?.phone ? h('a', { href: `tel:${customer.phone}` }, customer.phone) : null),
      fact('email', customer?.email),
      fact('treatment', treatment),
      fact('time', start ? `${moment(start, now)}${workflow.scheduled_end ? `–${clock(workflow.scheduled_end)}` : ''}` : null),
      fact('beautician', beautician),
      fact('room', workflow.room),
      fact('arrived', workflow.checked_in_at ? moment(workflow.checked_in_at, now) : null),
      fact('sales', sales),
      fact('code', customer?.customer_code));
  }
}

customElements.define('case-panel', CasePanel);
