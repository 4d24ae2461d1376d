import { AuraElement } from '../app/aura-element.js';
import { h } from '../app/dom.js';
import { baht, moment, span } from '../app/format.js';
import { hasWords, t } from '../app/language.js';

/** What happened to a case, newest first, with who and how long after the step before. `data`: `{actions, now, failed, retry}`. */
class CaseTimeline extends AuraElement {
  view() {
    const { actions, now, failed, retry } = this.data ?? {};
    if (failed) {
      return [h('p', { class: 'soft' }, t('case.timelineFailed')),
        h('button', { class: 'button small', type: 'button', onclick: retry }, t('app.retry'))];
    }
    if (!actions) return h('p', { class: 'soft', role: 'status' }, t('app.loading'));
    const steps = actions.map((action, index) => ({ ...action, after: index > 0 ? action.performed_at - actions[index - 1].performed_at : null }));
    return h('ol', { class: 'timeline' }, steps.reverse().map((step) =>
      h('li', { key: step.id, class: step.from_stage === step.to_stage ? 'side' : '', 'data-action': step.type },
        h('p', { class: 'what' },
          h('span', null, hasWords(`action.${step.type}`) ? t(`action.${step.type}`) : step.type),
          h('time', null, moment(step.performed_at, now))),
        h('p', { class: 'soft small' }, [this.#actor(step), this.#facts(step)].filter(Boolean).join(' · ')),
        step.after !== null && step.after >= 60_000 ? h('p', { class: 'after' }, t('action.after', { span: span(step.after) })) : null,
        step.notes ? h('blockquote', null, step.notes) : null)));
  }

  #actor(step) {
    if (step.actor_kind === 'system' || step.actor_kind === 'rule') return t('action.system');
    if (step.actor_kind === 'customer') return t('action.customer');
    return step.actor_name ?? '';
  }

  #facts({ data = {} }) {
    const facts = [];
    const amount = data?.amount_st ?? data?.total_st;
    if (Number.isInteger(amount)) facts.push(baht(amount));
    if (data?.payment_method && hasWords(`method.${data.payment_method}`)) facts.push(t(`method.${data.payment_method}`));
    if (Array.isArray(data?.skipped) && data.skipped.length > 0) {
      facts.push(t('action.skipped', { stages: data.skipped.map((stage) => t(`stage.${stage}`)).join(', ') }));
    }
    return facts.join(' · ');
  }
}

customElements.define('case-timeline', CaseTimeline);
