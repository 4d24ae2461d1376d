import { AuraDialog, fieldError } from '../app/dialog.js';
import { h } from '../app/dom.js';
import { baht, clock, dayFromIso, dayOf, isoDay, satang } from '../app/format.js';
import { icon } from '../app/icons.js';
import { named, t } from '../app/language.js';
import { loadWords } from '../app/load.js';
import { explain } from '../app/refusal.js';
import { bookingsOf, makeSlots } from './slots.js';

const METHODS = ['PROMPTPAY', 'CASH', 'CARD', 'TRANSFER'];
const MINUTES_USUAL = 60;
/** How far ahead a day can be chosen. */
const DAYS_AHEAD = 90;

/**
 * Confirms a payment: what, how much, how, by whom, when; one submit. `data`: `{workflow, customer, treatments, staff,
 * isHere(member), workflows(), now(), isLeader, isLive(), send(args): Promise}`.
 */
class PaymentDialog extends AuraDialog {
  #treatment = '';
  #amount = '';
  #method = 'PROMPTPAY';
  #reason = '';
  #beautician = '';
  #when = 'slot';
  #day = 0;
  #slot = 0;
  #errors = {};
  #refusal = null;
  #isBusy = false;

  get size() {
    return 'wide';
  }

  opened() {
    const { workflow, treatments } = this.data;
    this.#treatment = workflow.treatment_id && treatments.has(workflow.treatment_id) ? workflow.treatment_id : treatments.size === 1 ? [...treatments.keys()][0] : '';
    this.#method = 'PROMPTPAY';
    this.#reason = '';
    this.#beautician = workflow.assigned_beautician_id ?? '';
    this.#when = 'slot';
    this.#day = dayOf(this.data.now());
    this.#slot = 0;
    this.#errors = {};
    this.#refusal = null;
    this.#isBusy = false;
    this.#fillAmount();
    // In the evening the day has no free time left; the next one has.
    if (this.#slots().every((slot) => slot.isTaken)) this.#day += 1;
  }

  get #kind() {
    return this.data.treatments.get(this.#treatment);
  }

  /** What the hub expects: the plan's total, else the treatment's price. */
  get #expected() {
    const plan = this.data.workflow.treatment_plan?.total_st;
    return Number.isInteger(plan) && plan > 0 ? plan : this.#kind?.price_st ?? null;
  }

  #fillAmount() {
    const expected = this.#expected;
    this.#amount = expected === null ? '' : baht(expected).slice(1);
  }

  #slots() {
    const { workflow } = this.data;
    return makeSlots({
      day: this.#day,
      now: this.data.now(),
      minutes: this.#kind?.duration_minutes ?? MINUTES_USUAL,
      bookings: bookingsOf(this.data.workflows(), this.#beautician, workflow.id),
    });
  }

  title() {
    return t('pay.title');
  }

  subtitle() {
    return this.data?.customer?.full_name ?? '';
  }

  body() {
    return [
      this.#refusal ? h('p', { key: 'refusal', class: 'notice bad', role: 'alert' }, icon('alert'), h('span', null, this.#refusal)) : null,
      this.#isBusy && !this.data.isLive() ? h('p', { key: 'offline', class: 'notice warn', role: 'status' }, icon('alert'), h('span', null, t('error.offline'))) : null,
      h('div', { key: 'what', class: 'two' }, this.#treatmentField(), this.#amountField()),
      this.#methods(),
      this.#people(),
      this.#times(),
    ];
  }

  #treatmentField() {
    return h('div', { class: 'field' },
      h('label', { for: 'pay-treatment' }, t('pay.treatment')),
      h('select', {
        class: 'input', id: 'pay-treatment', 'data-first': this.#treatment === '', value: this.#treatment, 'aria-invalid': this.#errors.treatment ? 'true' : null,
        'aria-describedby': this.#errors.treatment ? 'pay-treatment-error' : null,
        onchange: (event) => {
          this.#treatment = event.target.value;
          delete this.#errors.treatment;
          this.#fillAmount();
          this.update();
        },
      },
        h('option', { key: '', value: '' }, t('pay.treatment.choose')),
        [...this.data.treatments.values()].map((each) =>
          h('option', { key: each.id, value: each.id }, `${named(each.names)} · ${baht(each.price_st)} · ${t('pay.minutes', { n: each.duration_minutes })}`))),
      fieldError('pay-treatment', this.#errors.treatment));
  }

  #amountField() {
    const amount = satang(this.#amount);
    const isOff = this.#expected !== null && amount !== null && amount !== this.#expected;
    return h('div', { class: 'field' },
      h('label', { for: 'pay-amount' }, t('pay.amount')),
      h('input', {
        class: 'input num', id: 'pay-amount', inputmode: 'decimal', autocomplete: 'off', maxlength: 14, 'data-first': this.#treatment !== '', value: this.#amount,
        'aria-invalid': this.#errors.amount ? 'true' : null, 'aria-describedby': this.#errors.amount ? 'pay-amount-error' : isOff ? 'pay-amount-off' : null,
        oninput: (event) => {
          this.#amount = event.target.value;
          delete this.#errors.amount;
          this.update();
        },
      }),
      isOff ? h('p', { class: 'hint', id: 'pay-amount-off' }, t('pay.amount.off', { price: baht(this.#expected) })) : null,
      isOff && this.data.isLeader
        ? h('input', {
          class: 'input', id: 'pay-reason', maxlength: 500, 'aria-label': t('pay.reason'), placeholder: t('pay.reason'), value: this.#reason,
          oninput: (event) => { this.#reason = event.target.value; },
        })
        : null,
      fieldError('pay-amount', this.#errors.amount));
  }

  #methods() {
    return h('fieldset', { key: 'method' },
      h('legend', { class: 'legend' }, t('pay.method')),
      h('div', { class: 'choices row' }, METHODS.map((method) =>
        this.#choice({ key: method, name: 'pay-method', isChosen: this.#method === method, choose: () => { this.#method = method; } },
          h('b', null, t(`method.${method}`))))));
  }

  #people() {
    const skill = this.#kind?.required_skill;
    const people = [...this.data.staff.values()].filter((member) => member.role === 'clinic_staff' && member.is_active !== false);
    return h('fieldset', { key: 'people' },
      h('legend', { class: 'legend' }, t('pay.beautician')),
      h('div', { class: 'choices row people' },
        this.#choice({ key: '', name: 'pay-who', isWide: true, isChosen: this.#beautician === '', choose: () => this.#choosePerson('') },
          h('b', null, t('pay.auto')), h('span', { class: 'hint' }, t('pay.auto.lead'))),
        people.map((member) => {
          const isSkilled = !skill || (member.skills ?? []).includes(skill);
          return this.#choice({
            key: member.id, name: 'pay-who', isWide: true, isChosen: this.#beautician === member.id,
            isDisabled: !isSkilled || member.duty === 'off', choose: () => this.#choosePerson(member.id),
          }, h('b', null, member.name), h('span', { class: 'hint' }, isSkilled ? loadWords(member, this.data.isHere(member)) : t('pay.unskilled')));
        })));
  }

  #choosePerson(id) {
    this.#beautician = id;
    if (this.#slots().some((slot) => slot.start === this.#slot && slot.isTaken)) this.#slot = 0;
  }

  #times() {
    const now = this.data.now();
    // Somebody else was faster while this dialog stood open.
    if (!this.#isBusy && this.#slots().some((slot) => slot.start === this.#slot && slot.isTaken)) {
      this.#slot = 0;
      this.#errors.slot = t('error.slot_taken');
    }
    return h('fieldset', { key: 'when' },
      h('legend', { class: 'legend' }, t('pay.when')),
      h('div', { class: 'choices' },
        h('div', { class: 'choices row' },
          this.#choice({ key: 'now', name: 'pay-when', isChosen: this.#when === 'now', choose: () => this.#chooseWhen('now') }, h('b', null, t('pay.now'))),
          this.#choice({ key: 'slot', name: 'pay-when', isChosen: this.#when === 'slot', choose: () => this.#chooseWhen('slot') },
            h('b', null, this.#when === 'slot' && this.#slot ? clock(this.#slot) : t('pay.slot'))),
          this.#choice({ key: 'later', name: 'pay-when', isChosen: this.#when === 'later', choose: () => this.#chooseWhen('later') }, h('b', null, t('pay.later')))),
        this.#when === 'slot' ? this.#slotChoice(now) : null,
        fieldError('pay-slot', this.#errors.slot)));
  }

  #slotChoice(now) {
    const slots = this.#slots();
    return h('div', { key: 'slots', class: 'choices' },
      h('div', { class: 'field' },
        h('label', { for: 'pay-day' }, t('pay.day')),
        h('input', {
          class: 'input', id: 'pay-day', type: 'date', value: isoDay(this.#day), min: isoDay(dayOf(now)), max: isoDay(dayOf(now) + DAYS_AHEAD),
          onchange: (event) => {
            const chosen = dayFromIso(event.target.value);
            if (chosen === null) return;
            this.#day = chosen;
            this.#slot = 0;
            this.update();
          },
        })),
      slots.some((slot) => !slot.isTaken)
        ? h('div', { class: 'choices slots', role: 'group', 'aria-label': t('pay.slot') }, slots.map(({ start, isTaken }) =>
          this.#choice({
            key: start, name: 'pay-slot', isTaken, isDisabled: isTaken, isChosen: this.#slot === start,
            choose: () => {
              this.#slot = start;
              delete this.#errors.slot;
            },
          }, h('b', { class: 'num' }, clock(start)), isTaken ? h('span', { class: 'hint' }, t('pay.slotTaken')) : null)))
        : h('p', { class: 'notice' }, icon('calendar'), h('span', null, t('pay.noSlots'))));
  }

  #chooseWhen(when) {
    this.#when = when;
    delete this.#errors.slot;
  }

  #choice({ key, name, isChosen, isDisabled = false, isWide = false, isTaken = false, choose }, ...face) {
    return h('label', { key, class: `choice${isWide ? ' wide' : ''}${isTaken ? ' slots-taken' : ''}` },
      h('input', {
        type: 'radio', name, value: String(key), checked: isChosen, disabled: isDisabled,
        onchange: () => {
          choose();
          this.update();
        },
      }),
      h('span', { class: 'face' }, face));
  }

  foot() {
    const amount = satang(this.#amount);
    const words = this.#isBusy ? t('pay.busy') : amount === null ? t('case.confirmPayment') : t('pay.total', { amount: baht(amount) });
    return [
      h('button', { class: 'button', type: 'button', onclick: () => this.close() }, t('app.cancel')),
      h('button', { class: `button primary large${this.#isBusy ? ' busy' : ''}`, type: 'submit', disabled: this.#isBusy }, words),
    ];
  }

  #check() {
    this.#errors = {};
    if (!this.#kind && this.#expected === null) this.#errors.treatment = t('pay.treatmentMissing');
    const amount = satang(this.#amount);
    if (amount === null || amount === 0) this.#errors.amount = t('pay.amountWrong');
    if (this.#when === 'slot' && !this.#slot) this.#errors.slot = t('pay.slotMissing');
    const first = { treatment: '#pay-treatment', amount: '#pay-amount', slot: '#pay-day' }[Object.keys(this.#errors)[0]];
    if (!first) return true;
    this.draw();
    /** @type {HTMLElement} */ (this.querySelector(first)).focus();
    return false;
  }

  #args() {
    const { workflow, isLeader, now } = this.data;
    const amountSt = satang(this.#amount);
    const args = { workflowId: workflow.id, amountSt, paymentMethod: this.#method };
    if (this.#treatment) args.treatmentId = this.#treatment;
    if (this.#beautician) args.beauticianId = this.#beautician;
    if (this.#when === 'slot') args.scheduledTime = this.#slot;
    if (this.#when === 'now') args.scheduledTime = Math.floor(now() / 60_000) * 60_000;
    if (isLeader && this.#expected !== null && amountSt !== this.#expected && this.#reason.trim()) {
      Object.assign(args, { override: true, reason: this.#reason.trim() });
    }
    return args;
  }

  async submit() {
    if (this.#isBusy || !this.#check()) return;
    this.#isBusy = true;
    this.#refusal = null;
    this.draw();
    try {
      await this.data.send(this.#args());
      this.close();
    } catch (error) {
      this.#isBusy = false;
      this.#refusal = explain(error);
      this.draw();
      this.querySelector('.sheet-body')?.scrollTo({ top: 0 });
    }
  }
}

customElements.define('payment-dialog', PaymentDialog);
