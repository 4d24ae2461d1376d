import { AuraElement } from '../app/aura-element.js';
import { openDesk, recall, remember } from '../app/desk.js';
import { Directory } from '../app/directory.js';
import { h } from '../app/dom.js';
import { baht } from '../app/format.js';
import { icon } from '../app/icons.js';
import { t } from '../app/language.js';
import { toast } from '../app/toasts.js';
import { BEFORE_PAYMENT, STAGES, makeCases, plainPhone } from './cases.js';
import '../app/blocked.js';
import '../app/conflict-tray.js';
import '../app/top-bar.js';
import './case-panel.js';
import './case-row.js';
import './lead-dialog.js';
import './payment-dialog.js';

/** Stages that a person filters by; a closed case has left the list. */
const FILTER_STAGES = STAGES.filter((stage) => stage !== 'completed');

/** The sales desk: every case as it moves, and the two steps that sales does: a new lead, a confirmed payment. */
class SalesDesk extends AuraElement {
  #desk = null;
  #blocked = null;
  #status = { state: 'connecting', since: null };
  #workflows = null;
  #customers = null;
  #notices = null;
  #presence = null;
  #directory = null;
  #filter = { search: '', stage: null, isMine: recall('aura.sales.mine') === 'yes' };
  #openId = caseInAddress();
  /** The open case as it was last seen, so that it does not vanish from under a reader when it closes. */
  #openRow = null;
  #history = { id: null, version: 0, actions: null, failed: false };
  #conflicts = [];

  async connected() {
    const moved = () => {
      this.#openId = caseInAddress();
      this.update();
    };
    addEventListener('hashchange', moved);
    this.follow(() => removeEventListener('hashchange', moved));
    this.#desk = await openDesk({
      name: 'sales',
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
    const live = (topic, where) => {
      const subscription = client.subscribe({ clinic, topics: [topic], where });
      subscription.on('change', () => this.update());
      return subscription;
    };
    this.#directory = new Directory({ client, clinic, changed: () => this.update() });
    this.#workflows = live('workflow_states', { status: 'active' });
    this.#customers = live('customers');
    this.#notices = live('notifications');
    this.#presence = live('presence');
    this.#workflows.on('change', (change) => this.#tell(change));
    client.commands.on('change', () => this.update());
    client.commands.on('outcome', (outcome) => this.#answered(outcome));
    const loadStaff = () => this.#directory.loadStaff().catch(() => {});
    live('clinic_staff').on('change', loadStaff);
    loadStaff();
    this.#directory.loadTreatments().catch(() => {});
    this.#directory.loadClinic().catch(() => {});
  }

  /** Says, also to who does not look, that one of my cases was moved by somebody else. */
  #tell({ commits }) {
    const { staff, user } = this.#desk;
    for (const { cause, changes } of commits) {
      if (!cause || cause.by === user.id) continue;
      for (const { op, row } of changes) {
        if (op !== 'put' || row.assigned_sales_id !== staff || row.stage_entered_at !== row.updated_at) continue;
        // Whoever looks at the case sees it move.
        if (row.id === this.#openId) continue;
        const name = this.#customer(row.customer_id)?.full_name;
        if (name) toast(t('sales.moved', { name, stage: t(`stage.${row.current_stage}`) }));
      }
    }
  }

  #customer(id) {
    return this.#customers.get('customers', id);
  }

  // The open case

  #open(id) {
    if (id) location.hash = `case=${id}`;
    else history.pushState(null, '', location.pathname + location.search);
    this.#openId = id;
    this.update();
    if (id) requestAnimationFrame(() => /** @type {HTMLElement | null} */ (this.querySelector('#case-name'))?.focus({ preventScroll: true }));
    else requestAnimationFrame(() => /** @type {HTMLElement | null} */ (this.querySelector('#main'))?.focus({ preventScroll: true }));
  }

  #openCase() {
    if (!this.#openId) return null;
    const row = this.#workflows.get('workflow_states', this.#openId);
    if (row) this.#openRow = row;
    const shown = row ?? (this.#openRow?.id === this.#openId ? this.#openRow : null);
    if (shown && (this.#history.id !== shown.id || this.#history.version !== shown.version)) this.#loadHistory(shown);
    return shown;
  }

  async #loadHistory({ id, version }) {
    const isSame = this.#history.id === id;
    this.#history = { id, version, actions: isSame ? this.#history.actions : null, failed: false };
    try {
      const data = await this.#desk.client.query('workflowHistory', { workflowId: id }, { clinic: this.#desk.clinic });
      if (this.#history.id !== id || this.#history.version > version) return;
      this.#history = { id, version, actions: data.actions, failed: false };
    } catch {
      if (this.#history.id === id && !this.#history.actions) this.#history = { ...this.#history, failed: true };
    }
    this.update();
  }

  // Commands

  #command(name, args) {
    const { client, clinic } = this.#desk;
    // When it was tapped goes along with a case's step: one kept for half a day is not to happen unseen.
    const step = args.workflowId ? { ...args, clientTime: client.now() } : args;
    return client.command(name, step, { clinic, lane: args.workflowId ?? name });
  }

  /** @returns {any} */
  #dialog(name) {
    return this.querySelector(name);
  }

  #newLead() {
    this.#dialog('lead-dialog').show({
      send: (args) => this.#command('initialize', args),
      byPhone: (phone) => this.#byPhone(phone),
      open: (id, made) => {
        this.#filter = { ...this.#filter, search: '', stage: null };
        this.#open(id);
        if (!made) return;
        if (made.result.existing) toast(t('lead.existing', { name: made.name }));
        else toast(t('lead.created', { name: made.name }));
      },
    });
  }

  #byPhone(phone) {
    const flows = this.#workflows.rows('workflow_states');
    return this.#customers.rows('customers')
      .filter((customer) => customer.phone && plainPhone(customer.phone) === phone)
      .map((customer) => ({
        customer,
        workflow: flows.find((flow) => flow.customer_id === customer.id && BEFORE_PAYMENT.has(flow.current_stage)),
      }));
  }

  async #pay(workflow) {
    // Loads as of now: who is busiest may have changed since the page was opened.
    await Promise.all([this.#directory.loadStaff(), this.#directory.treatments.size > 0 ? null : this.#directory.loadTreatments()]).catch(() => {});
    const customer = this.#customer(workflow.customer_id);
    this.#dialog('payment-dialog').show({
      workflow,
      customer,
      treatments: this.#directory.treatments,
      staff: this.#directory.staff,
      isHere: (member) => this.#presence.presence.get(member.user_id) !== undefined,
      workflows: () => this.#workflows.rows('workflow_states'),
      now: () => this.#desk.client.now(),
      isLeader: this.#isLeader,
      isLive: () => this.#status.state === 'live',
      send: async (args) => {
        await this.#command('confirmPayment', args);
        toast(t('pay.done', { amount: baht(args.amountSt), name: customer?.full_name ?? '' }));
      },
    });
  }

  get #isLeader() {
    return this.#desk.role === 'clinic_owner' || this.#desk.role === 'clinic_admin';
  }

  #answered({ entry, ok, error }) {
    if (ok || entry.name.startsWith('mark')) return;
    // A dialog that is still open says it itself, beside the field.
    if (entry.name === 'confirmPayment' && this.#dialog('payment-dialog')?.isOpen) return;
    if (entry.name === 'initialize' && this.#dialog('lead-dialog')?.isOpen) return;
    const flow = this.#workflows.get('workflow_states', entry.args.workflowId);
    const subject = (flow && this.#customer(flow.customer_id)?.full_name) ?? entry.args.customer?.name ?? '';
    this.#conflicts = [...this.#conflicts, { key: entry.key, name: entry.name, subject, error }];
    this.update();
  }

  draw() {
    super.draw();
    document.title = `Aura · ${t('desk.sales')}`;
    // Times that are taken meanwhile, who is busy, who has come: also in front of an open question.
    const question = this.#dialog('payment-dialog');
    if (question?.isOpen) question.update();
  }

  // What is seen

  view() {
    return [
      h('aura-top', { key: 'top', data: this.#top() }),
      this.#blocked
        ? h('aura-blocked', { key: 'blocked', data: { why: this.#blocked } })
        : h('main', { key: 'main', id: 'main', class: 'page', tabindex: '-1' }, this.#isReady ? this.#page() : this.#loading()),
      h('lead-dialog', { key: 'lead' }),
      h('payment-dialog', { key: 'pay' }),
      h('aura-toasts', { key: 'toasts' }),
    ];
  }

  get #isReady() {
    return this.#workflows?.cursor && this.#customers?.cursor;
  }

  #top() {
    const desk = this.#desk;
    const act = (name, args) => desk.client.command(name, args, { clinic: desk.clinic, lane: 'notifications' });
    return {
      title: t('desk.sales'),
      subtitle: this.#directory?.clinicName || desk?.user.name || '',
      status: this.#status,
      queued: desk?.client.commands.pending.length ?? 0,
      user: desk?.user,
      role: desk?.role ?? '',
      hasOtherDesks: desk?.hasOtherDesks ?? false,
      notices: desk && { rows: this.#notices?.rows('notifications') ?? [], now: desk.client.now(), act },
      signOut: () => {
        const waiting = desk?.client.commands.pending.length ?? 0;
        if (waiting === 0 || confirm(t('top.unsent', { n: waiting }))) desk?.signOut();
      },
    };
  }

  #loading() {
    return [h('p', { key: 'words', class: 'sr', role: 'status' }, t('app.loading')),
      h('div', { key: 'bones', class: 'cases', 'aria-hidden': 'true' }, [1, 2, 3].map((n) => h('div', { key: n, class: 'skeleton' })))];
  }

  #page() {
    const { shown, counts, total } = makeCases({
      workflows: this.#workflows.rows('workflow_states'),
      customer: (id) => this.#customer(id),
      filter: { search: this.#filter.search, stage: this.#filter.stage, mine: this.#filter.isMine ? this.#desk.staff : null },
    });
    const open = this.#openCase();
    return [
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
      h('div', { key: 'sales', class: `sales${open ? ' open' : ''}` },
        h('div', { key: 'list', class: 'list day-main' },
          h('header', { key: 'head', class: 'page-head' },
            h('h1', null, t('sales.title'), ' ', h('span', { class: 'soft num' }, total)),
            h('button', { class: 'button primary new', type: 'button', onclick: () => this.#newLead() }, icon('plus'), t('sales.new'))),
          this.#toolbar(),
          this.#stageFilter(counts, total),
          this.#list(shown)),
        h('case-panel', { key: 'panel', data: open ? this.#panel(open) : {} })),
    ];
  }

  #toolbar() {
    const whose = (isMine, words) => h('button', {
      type: 'button', 'aria-pressed': String(this.#filter.isMine === isMine),
      onclick: () => {
        remember('aura.sales.mine', isMine ? 'yes' : 'no');
        this.#setFilter({ isMine });
      },
    }, words);
    return h('div', { key: 'tools', class: 'toolbar' },
      h('div', { class: 'search' }, icon('search'),
        h('input', {
          class: 'input', type: 'search', 'aria-label': t('sales.search'), placeholder: t('sales.search'), value: this.#filter.search,
          oninput: (event) => this.#setFilter({ search: event.target.value }),
        })),
      h('div', { class: 'segments', role: 'group', 'aria-label': t('sales.whose') }, whose(true, t('sales.mine')), whose(false, t('sales.all'))));
  }

  #stageFilter(counts, total) {
    const choice = (stage, words, n) => h('button', {
      key: stage ?? 'all', class: 'filter', type: 'button', 'aria-pressed': String(this.#filter.stage === stage),
      disabled: n === 0 && stage !== null && this.#filter.stage !== stage,
      onclick: () => this.#setFilter({ stage }),
    }, words, h('b', null, n));
    return h('div', { key: 'stages', class: 'filter-row', role: 'group', 'aria-label': t('sales.stages') },
      choice(null, t('sales.allStages'), total),
      FILTER_STAGES.map((stage) => choice(stage, t(`stage.${stage}`), counts.get(stage) ?? 0)));
  }

  #setFilter(change) {
    this.#filter = { ...this.#filter, ...change };
    this.update();
  }

  #list(shown) {
    if (shown.length === 0) {
      const isFiltered = this.#filter.search !== '' || this.#filter.stage !== null || this.#workflows.rows('workflow_states').length > 0;
      const words = isFiltered ? 'sales.noneFound' : 'sales.none';
      return h('div', { key: 'empty', class: 'empty' }, icon(isFiltered ? 'search' : 'leaf'), h('h2', null, t(`${words}.title`)), h('p', null, t(`${words}.lead`)));
    }
    return h('ul', { key: 'cases', class: 'cases' }, shown.map((item) =>
      h('li', { key: item.id }, h('case-row', {
        data: {
          item,
          isOpen: item.id === this.#openId,
          now: () => this.#desk.client.now(),
          treatment: this.#directory.treatmentName(item.workflow),
          beautician: this.#directory.staffName(item.workflow.assigned_beautician_id),
          open: (id) => this.#open(id),
        },
      }))));
  }

  #panel(workflow) {
    const { client, staff } = this.#desk;
    return {
      workflow,
      customer: this.#customer(workflow.customer_id),
      treatment: this.#directory.treatmentName(workflow),
      beautician: this.#directory.staffName(workflow.assigned_beautician_id),
      sales: this.#directory.staffName(workflow.assigned_sales_id),
      isOwn: this.#isLeader || workflow.assigned_sales_id === staff,
      now: client.now(),
      tap: client.commands.pending.find((command) => command.args.workflowId === workflow.id) ?? null,
      history: { ...this.#history, retry: () => this.#loadHistory(workflow) },
      close: () => this.#open(null),
      pay: () => this.#pay(workflow),
      arrive: () => this.#command('checkIn', { workflowId: workflow.id }),
    };
  }
}

const caseInAddress = () => new URLSearchParams(location.hash.slice(1)).get('case');

customElements.define('sales-desk', SalesDesk);
