import { AuraElement } from '../app/aura-element.js';
import { CustomerBook } from '../app/customer-book.js';
import { openDesk } from '../app/desk.js';
import { Directory } from '../app/directory.js';
import { h } from '../app/dom.js';
import { clock, dayOf, longDay } from '../app/format.js';
import { icon } from '../app/icons.js';
import { named, t } from '../app/language.js';
import { makeDay } from './day.js';
import '../app/blocked.js';
import '../app/conflict-tray.js';
import '../app/toasts.js';
import '../app/top-bar.js';
import './complete-dialog.js';
import './consent-dialog.js';
import './hand-over-dialog.js';
import './task-card.js';

const OPEN = ['pending', 'in_progress'];
/** Enough for a day; what is older is another page's matter. */
const DONE_MAX = 40;

/** The beautician's desk: my tasks of today, live. */
class BeauticianDesk extends AuraElement {
  #desk = null;
  #blocked = null;
  #status = { state: 'connecting', since: null };
  #mine = null;
  #pool = null;
  #workflows = null;
  #notices = null;
  #presence = null;
  #book = null;
  #directory = null;
  /** @type {Array<{key: string, name: string, subject: string, error: any}>} */
  #conflicts = [];
  /** My tasks that are done, as the query `myTasks` tells them. @type {any[]} */
  #done = [];

  async connected() {
    this.#desk = await openDesk({
      name: 'beautician',
      onStatus: (status) => {
        this.#status = status;
        this.update();
      },
      blocked: (why) => {
        this.#blocked = why;
        this.update();
      },
    });
    this.#subscribe();
    this.update();
  }

  #subscribe() {
    const { client, clinic } = this.#desk;
    const update = () => {
      this.#needCustomers();
      this.update();
    };
    const live = (topic, where) => {
      const subscription = client.subscribe({ clinic, topics: [topic], where });
      subscription.on('change', update);
      subscription.on('live', update);
      return subscription;
    };
    this.#book = new CustomerBook({ client, clinic, changed: () => this.update() });
    this.#directory = new Directory({ client, clinic, changed: () => this.update() });
    this.#mine = live('task_queue', { assigned_to: 'me', status: OPEN });
    this.#pool = live('task_queue', { assigned_to: null, status: OPEN });
    this.#workflows = live('workflow_states', { status: 'active' });
    this.#notices = live('notifications');
    this.#presence = live('presence');
    client.commands.on('change', () => this.update());
    client.commands.on('outcome', (outcome) => this.#answered(outcome));
    const people = live('clinic_staff');
    const loadStaff = () => this.#directory.loadStaff().catch(() => {});
    people.on('change', loadStaff);
    loadStaff();
    this.#directory.loadTreatments().catch(() => {});
    this.#directory.loadClinic().catch(() => {});
    const loadDone = () => this.#loadDone().catch(() => {});
    this.#mine.on('change', ({ commits }) => {
      // A task that has left my list is, most often, one that is done.
      if (commits.some(({ changes }) => changes.some(({ op }) => op === 'remove'))) loadDone();
    });
    loadDone();
  }

  async #loadDone() {
    const { client, clinic } = this.#desk;
    const { tasks } = await client.query('myTasks', { status: 'completed', pool: false, limit: DONE_MAX }, { clinic });
    this.#done = tasks;
    this.update();
  }

  #needCustomers() {
    const tasks = [...this.#mine.rows('task_queue'), ...this.#pool.rows('task_queue')];
    const ids = tasks.map((task) => this.#workflows.get('workflow_states', task.workflow_id)?.customer_id ?? task.task_data?.customer_id);
    this.#book.need(ids.filter(Boolean));
  }

  // Taps

  #command(name, item, args = {}) {
    const { client, clinic } = this.#desk;
    const subject = name === 'claimTask' || !item.isTreatment ? { taskId: item.task.id } : { workflowId: item.task.workflow_id };
    // One customer's steps keep their order; another's need not wait for them. When it was tapped goes along: what was
    // kept for half a day without connection is not to happen unseen.
    return client.command(name, { ...subject, ...args, clientTime: client.now() }, { clinic, lane: item.task.workflow_id });
  }

  #begin(item, args = {}) {
    this.#command(item.isTreatment ? 'startTreatment' : 'startTask', item, args).catch((error) => {
      if (error.code === 'consent_required') this.#dialog('consent-dialog').show({ item, done: () => this.#begin(item, { consent: {} }) });
    });
  }

  #complete(item) {
    this.#dialog('complete-dialog').show({
      item,
      done: (notes) => this.#command(item.isTreatment ? 'completeTreatment' : 'completeTask', item, notes ? { notes } : {}),
    });
  }

  async #handOver(item) {
    await this.#directory.loadStaff().catch(() => {});
    const colleagues = [...this.#directory.staff.values()]
      .filter((member) => member.role === 'clinic_staff' && member.id !== item.task.assigned_to && member.duty !== 'off');
    this.#dialog('hand-over-dialog').show({
      item,
      colleagues,
      isHere: (member) => this.#presence.presence.get(member.user_id) !== undefined,
      done: (to, reason) => this.#command('reassign', item, { beauticianId: to, ...(reason ? { reason } : {}) }),
    });
  }

  /** @returns {any} */
  #dialog(name) {
    return this.querySelector(name);
  }

  #answered({ entry, ok, error }) {
    // Missing consent is asked for, not complained about.
    if (ok || (error.code === 'consent_required' && entry.name === 'startTreatment')) return;
    if (error.code === 'not_found' && entry.name === 'markNotificationRead') return;
    this.#conflicts = [...this.#conflicts, { key: entry.key, name: entry.name, subject: this.#subject(entry.args), error }];
    this.update();
  }

  #subject({ taskId, workflowId }) {
    const task = this.#mine.get('task_queue', taskId) ?? this.#pool.get('task_queue', taskId);
    const flow = this.#workflows.get('workflow_states', workflowId ?? task?.workflow_id);
    return (flow && this.#book.get(flow.customer_id)?.full_name) ?? named(task?.task_data?.titles) ?? '';
  }

  draw() {
    super.draw();
    document.title = `Aura · ${t('desk.beautician')}`;
  }

  // What is seen

  view() {
    return [
      h('aura-top', { key: 'top', data: this.#top() }),
      this.#blocked
        ? h('aura-blocked', { key: 'blocked', data: { why: this.#blocked } })
        : h('main', { key: 'main', id: 'main', class: 'page', tabindex: '-1' }, this.#isReady ? this.#day() : this.#loading()),
      h('complete-dialog', { key: 'complete' }),
      h('hand-over-dialog', { key: 'hand-over' }),
      h('consent-dialog', { key: 'consent' }),
      h('aura-toasts', { key: 'toasts' }),
    ];
  }

  get #isReady() {
    return this.#mine?.cursor && this.#pool?.cursor && this.#workflows?.cursor;
  }

  #top() {
    const desk = this.#desk;
    const now = desk?.client.now() ?? Date.now();
    const act = (name, args) => desk.client.command(name, args, { clinic: desk.clinic, lane: 'notifications' });
    return {
      title: t('desk.beautician'),
      subtitle: this.#directory?.clinicName || desk?.user.name || '',
      status: this.#status,
      queued: desk?.client.commands.pending.length ?? 0,
      user: desk?.user,
      role: desk?.role ?? '',
      hasOtherDesks: desk?.hasOtherDesks ?? false,
      notices: desk && { rows: this.#notices?.rows('notifications') ?? [], now, act },
      signOut: () => {
        const waiting = desk?.client.commands.pending.length ?? 0;
        if (waiting === 0 || confirm(t('top.unsent', { n: waiting }))) desk?.signOut();
      },
    };
  }

  #loading() {
    return [h('p', { key: 'words', class: 'sr', role: 'status' }, t('app.loading')),
      h('div', { key: 'bones', class: 'cards', 'aria-hidden': 'true' }, [1, 2, 3].map((n) => h('div', { key: n, class: 'skeleton' })))];
  }

  #day() {
    const { client } = this.#desk;
    const now = client.now();
    const day = makeDay({
      mine: this.#mine.rows('task_queue'),
      pool: this.#pool.rows('task_queue'),
      workflow: (id) => this.#workflows.get('workflow_states', id),
      customer: (id) => this.#book.get(id),
      treatment: (flow) => this.#directory.treatments.get(flow.treatment_id),
      pending: client.commands.pending,
      now,
    });
    const isEmpty = day.running.length + day.next.length + day.later.length === 0;
    const done = this.#done.filter((task) => task.completed_at && dayOf(task.completed_at) === dayOf(now));
    return [
      h('header', { key: 'head', class: 'page-head' },
        h('div', null, h('h1', null, t('day.title')), h('p', null, longDay(now))),
        h('ul', { class: 'counts' },
          this.#count('running', day.running.length), this.#count('next', day.next.length),
          this.#count('waiting', day.next.filter((item) => item.arrivedAt).length), this.#count('pool', day.pool.length))),
      h('conflict-tray', {
        key: 'conflicts',
        data: {
          items: this.#conflicts,
          staffName: (id) => this.#directory.staffName(id),
          dismiss: (key) => {
            this.#conflicts = this.#conflicts.filter((item) => item.key !== key);
            this.update();
          },
        },
      }),
      h('div', { key: 'day', class: `day${day.pool.length > 0 ? ' with-pool' : ''}` },
        h('div', { key: 'main', class: 'day-main' },
          isEmpty
            ? h('div', { key: 'empty', class: 'empty' }, icon('sun'), h('h2', null, t('day.none.title')), h('p', null, t('day.none.lead')))
            : null,
          this.#section('running', 'day.running', day.running),
          this.#section('next', 'day.next', day.next),
          this.#section('later', 'day.later', day.later),
          done.length > 0 ? this.#doneList(done) : null),
        day.pool.length > 0
          ? h('div', { key: 'pool', class: 'pool' }, this.#section('pool', 'day.pool', day.pool, 'day.pool.lead'))
          : null),
    ];
  }

  #count(name, n) {
    return n > 0 ? h('li', { key: name, class: name }, h('b', null, n), t(`day.count.${name}`)) : null;
  }

  #section(name, title, items, lead) {
    if (items.length === 0) return null;
    return h('section', { key: name, 'aria-labelledby': `section-${name}` },
      h('div', { class: 'section-head' }, h('h2', { id: `section-${name}` }, t(title)), h('span', { class: 'count' }, items.length)),
      lead ? h('p', { class: 'pool-lead' }, t(lead)) : null,
      h('div', { class: `cards ${name}` }, items.map((item) => h('task-card', { key: item.id, data: this.#card(item, name === 'pool') }))));
  }

  #card(item, isPool) {
    return {
      item,
      isPool,
      isLive: this.#status.state === 'live',
      now: () => this.#desk.client.now(),
      begin: (each) => this.#begin(each),
      complete: (each) => this.#complete(each),
      handOver: (each) => this.#handOver(each),
      take: (each) => this.#command('claimTask', each),
      arrive: (each) => this.#command('checkIn', each),
    };
  }

  #doneList(done) {
    return h('details', { key: 'done', class: 'done' },
      h('summary', null, `${t('day.done')} (${done.length})`),
      h('ul', null, done.map((task) =>
        h('li', { key: task.id, 'data-done': task.id }, icon('check'),
          h('span', null, [task.workflow?.customer?.full_name, this.#directory.treatmentName(task.workflow) || t(`task.${task.task_type}`)].filter(Boolean).join(' · ')),
          h('span', { class: 'soft num' }, clock(task.completed_at))))));
  }
}

customElements.define('beautician-desk', BeauticianDesk);
