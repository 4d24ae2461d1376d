import { AuraElement } from '../app/aura-element.js';
import { h } from '../app/dom.js';
import { clock, day, dayOf, span, stopwatch } from '../app/format.js';
import { icon } from '../app/icons.js';
import { named, t } from '../app/language.js';
import { everySecond } from '../app/ticker.js';

/** A wait that staff should notice, and one that they must. */
const WAIT_AMBER_MS = 10 * 60_000;
const WAIT_ROSE_MS = 20 * 60_000;
const LATE_NOTICED_MS = 60_000;

const BUSY_WORDS = {
  startTreatment: 'card.beginning', startTask: 'card.beginning',
  completeTreatment: 'card.completing', completeTask: 'card.completing',
  claimTask: 'card.taking', reassign: 'card.handingOver', updateTask: 'card.handingOver', checkIn: 'card.arriving',
};

/**
 * One task. `data`: `{item, now(), isLive, isPool, begin(item), complete(item), handOver(item), take(item), arrive(item)}`;
 * `item` is a card of day.js.
 */
class TaskCard extends AuraElement {
  #minute = -1;

  connected() {
    // Only a running clock needs every second; waits and delays are told in minutes.
    this.follow(everySecond(() => {
      if (!this.data) return;
      const minute = Math.floor(this.data.now() / 60_000);
      if (this.data.item.isRunning || minute !== this.#minute) this.update();
      this.#minute = minute;
    }));
  }

  view() {
    if (!this.data) return null;
    const { item, now, isPool } = this.data;
    const { task, tap } = item;
    const heading = `task-${item.id}`;
    const classes = ['card', 'task', task.priority, item.isRunning ? 'now' : '', tap ? 'pending' : ''];
    return h('article', { class: classes.join(' '), 'aria-labelledby': heading, 'data-task': item.id, 'data-status': task.status },
      h('div', { class: 'task-top' },
        h('p', { class: 'task-time' }, this.#time(now())),
        this.#priority(task.priority)),
      h('div', { class: 'task-who' },
        h('h3', { id: heading }, item.customer?.full_name ?? this.#plainTitle(item)),
        h('p', null, this.#what(item))),
      this.#marks(item, now()),
      item.isRunning ? this.#timer(item, now()) : null,
      this.#pending(tap),
      h('div', { class: 'task-actions' }, isPool ? this.#poolActions(item) : this.#actions(item)));
  }

  #time(now) {
    const { item } = this.data;
    if (!item.start) return h('span', { class: 'soft small' }, t('card.unscheduled'));
    return [
      dayOf(item.start) === dayOf(now) ? null : h('small', { key: 'day', class: 'task-day' }, day(item.start)),
      clock(item.start),
      item.end ? h('small', { key: 'end' }, `–${clock(item.end)}`) : null,
    ];
  }

  #priority(priority) {
    if (priority === 'medium') return null;
    return h('span', { class: `chip ${priority}` }, t(`priority.${priority}`));
  }

  #plainTitle({ task }) {
    return named(task.task_data?.titles) || task.title || t('card.customerUnknown');
  }

  #what({ task, treatment, flow, minutes, isTreatment }) {
    const name = treatment ? named(treatment.names) : flow?.treatment_name ?? '';
    const kind = t(`task.${task.task_type}`);
    const words = isTreatment ? name || kind : name ? `${kind} · ${name}` : kind;
    return minutes ? `${words} · ${t('pay.minutes', { n: minutes })}` : words;
  }

  #marks(item, now) {
    const marks = [];
    if (item.room) marks.push(h('span', { class: 'chip blue' }, icon('door'), t('card.room', { room: item.room })));
    if (item.arrivedAt) {
      const waited = now - item.arrivedAt;
      const urgency = waited >= WAIT_ROSE_MS ? 'bad' : waited >= WAIT_AMBER_MS ? 'warn' : 'good';
      marks.push(h('span', { class: `chip ${urgency}`, 'data-waiting': true }, icon('clock'), t('card.waiting', { span: span(waited) })));
    } else if (item.isTreatment && item.mayArrive) {
      marks.push(h('span', { class: 'chip' }, t('card.notArrived')));
    }
    if (item.lateMs >= LATE_NOTICED_MS) marks.push(h('span', { class: 'chip bad' }, icon('alert'), t('card.overdue', { span: span(item.lateMs) })));
    if (item.customer?.allergies) marks.push(h('span', { class: 'chip bad' }, icon('alert'), t('card.allergy', { what: item.customer.allergies })));
    if (item.isTreatment && item.treatment?.requires_consent && !item.isRunning) marks.push(h('span', { class: 'chip warn' }, t('card.consent')));
    return marks.length > 0 ? h('div', { class: 'task-marks' }, marks) : null;
  }

  #timer({ startedAt, minutes }, now) {
    const elapsed = Math.max(0, now - startedAt);
    const total = (minutes ?? 0) * 60_000;
    const isOver = total > 0 && elapsed > total;
    const rest = isOver ? t('card.overrun', { span: span(elapsed - total) }) : t('card.left', { span: span(total - elapsed) });
    return h('div', { class: `task-timer${isOver ? ' over' : ''}` },
      h('div', { class: 'figures' },
        h('span', { class: 'elapsed', role: 'timer' }, stopwatch(elapsed)),
        h('span', { class: 'soft small' }, t('card.startedAt', { time: clock(startedAt) }), total > 0 ? ` · ${rest}` : null)),
      total > 0 ? h('progress', { class: 'progress', max: total, 'aria-label': rest, value: String(Math.min(elapsed, total)) }) : null);
  }

  /** A tap that the hub has not confirmed is never shown as done. */
  #pending(tap) {
    if (!tap) return null;
    const isKept = tap.state !== 'sent' && !this.data.isLive;
    return h('p', { class: 'task-pending' }, icon('clock'), t(isKept ? 'card.queued' : 'card.notSent'));
  }

  #actions(item) {
    const { begin, complete, handOver, arrive } = this.data;
    const { tap, isRunning } = item;
    const isBusy = tap !== null;
    const busy = (names) => isBusy && names.includes(tap.name);
    const begins = busy(['startTreatment', 'startTask']);
    return [
      isRunning && !begins
        ? this.#primary('check', busy(['completeTreatment', 'completeTask']) ? BUSY_WORDS[tap.name] : 'card.complete', isBusy, () => complete(item))
        : this.#primary('play', begins ? BUSY_WORDS[tap.name] : 'card.begin', isBusy, () => begin(item)),
      item.mayArrive && !isRunning
        ? h('button', { key: 'arrive', class: 'button', type: 'button', disabled: isBusy, onclick: () => arrive(item) },
          busy(['checkIn']) ? t('card.arriving') : t('card.arrived'))
        : null,
      item.isTreatment
        ? h('button', { key: 'hand', class: 'button quiet', type: 'button', disabled: isBusy, onclick: () => handOver(item) },
          icon('swap'), busy(['reassign']) ? t('card.handingOver') : t('card.handOver'))
        : null,
    ];
  }

  #poolActions(item) {
    const isBusy = item.tap !== null;
    return this.#primary('hand', isBusy ? 'card.taking' : 'card.take', isBusy, () => this.data.take(item));
  }

  /** One button whatever it says, so that the focus stays where the hand is. */
  #primary(drawing, words, isBusy, onclick) {
    return h('button', { key: 'primary', class: `button primary${isBusy ? ' busy' : ''}`, type: 'button', disabled: isBusy, onclick },
      isBusy ? null : h('span', { key: drawing, class: 'icon-slot' }, icon(drawing)), t(words));
  }
}

customElements.define('task-card', TaskCard);
