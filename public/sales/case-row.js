import { AuraElement } from '../app/aura-element.js';
import { h } from '../app/dom.js';
import { clock, moment, span } from '../app/format.js';
import { t } from '../app/language.js';
import { everySecond } from '../app/ticker.js';

/** How long a case that has just moved glows. */
const MOVED_MS = 2_400;

/** One case in the list. `data`: `{item, isOpen, now(), treatment, beautician, open(id)}`. */
class CaseRow extends AuraElement {
  #stage = null;
  #movedAt = 0;
  #minute = -1;

  connected() {
    // Once a minute is enough for "for 12 min", and the list may be long.
    this.follow(everySecond(() => {
      const minute = Math.floor((this.data?.now() ?? 0) / 60_000);
      if (minute !== this.#minute) this.update();
    }));
  }

  view() {
    if (!this.data) return null;
    const { item: { workflow, customer }, isOpen, now, treatment, beautician, open } = this.data;
    const at = now();
    this.#minute = Math.floor(at / 60_000);
    if (this.#stage !== null && this.#stage !== workflow.current_stage) this.#movedAt = at;
    this.#stage = workflow.current_stage;
    const hasMoved = at - this.#movedAt < MOVED_MS;
    const facts = [treatment, workflow.scheduled_start ? moment(workflow.scheduled_start, at) : null, beautician];
    return h('button', {
      class: `card case${hasMoved ? ' moved' : ''}`, type: 'button', 'data-case': workflow.id, 'data-stage': workflow.current_stage,
      'aria-current': isOpen ? 'true' : null, onclick: () => open(workflow.id),
    },
      h('span', { class: 'case-name' }, customer?.full_name ?? '…'),
      h('span', { class: 'case-sub' }, facts.filter(Boolean).join(' · ') || customer?.phone || ' '),
      h('span', { class: 'case-side' },
        h('span', { class: `badge ${workflow.current_stage}` }, t(`stage.${workflow.current_stage}`)),
        h('span', { class: 'case-since', title: clock(workflow.stage_entered_at) }, this.#since(at - workflow.stage_entered_at))));
  }

  #since(ms) {
    return ms < 60_000 ? t('sales.justNow') : t('sales.inStage', { span: span(ms) });
  }
}

customElements.define('case-row', CaseRow);
