import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { baht, dayFromIso, dayOf, isoDay, satang, startOfDay, stopwatch } from '../../public/app/format.js';
import { hasWords, named, setLanguage, t } from '../../public/app/language.js';
import { en } from '../../public/app/words-en.js';
import { th } from '../../public/app/words-th.js';
import { explain } from '../../public/app/refusal.js';
import { chooseMembership, desksOf } from '../../public/app/desk.js';
import { makeDay } from '../../public/beautician/day.js';
import { makeCases, plainPhone } from '../../public/sales/cases.js';
import { bookingsOf, makeSlots } from '../../public/sales/slots.js';

const PUBLIC = new URL('../../public/', import.meta.url);
const files = (folder) => readdirSync(new URL(folder, PUBLIC)).map((name) => `${folder}${name}`);
const sources = ['app/', 'beautician/', 'sales/', 'client/'].flatMap(files).filter((path) => path.endsWith('.js'));
const text = (path) => readFileSync(new URL(path, PUBLIC), 'utf8');

test('both languages have the same words with the same places in them', () => {
  assert.deepEqual(Object.keys(th).toSorted(), Object.keys(en).toSorted());
  const places = (words) => [...words.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).toSorted();
  for (const key of Object.keys(en)) assert.deepEqual(places(th[key]), places(en[key]), key);
});

test('every key that the pages name has words', () => {
  const missing = [];
  for (const path of sources) {
    for (const [, key] of text(path).matchAll(/\bt\(\s*'([\w.]+)'/g)) if (!hasWords(key)) missing.push(`${path}: ${key}`);
  }
  assert.deepEqual(missing, []);
});

test('no page puts data into markup, or needs what the content policy forbids', () => {
  for (const path of sources) {
    assert.doesNotMatch(text(path), /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function/, path);
  }
  for (const path of ['index.html', 'beautician/index.html', 'sales/index.html', 'client/index.html', 'protocol/index.html', 'protocol/loyalty.html', 'operating/index.html']) {
    const page = text(path).replace(/<(pre|code)\b[\s\S]*?<\/\1>/g, '');
    assert.doesNotMatch(page, /<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|(?:src|href)="https?:/, path);
  }
});

test('the types name what the library gives, and nothing else', async () => {
  const given = Object.keys(await import('../../public/client/index.js'));
  const typed = [...text('client/aura.d.ts').matchAll(/^export (?:class|function|const) (\w+)/gm)].map(([, name]) => name);
  assert.deepEqual(given.filter((name) => !typed.includes(name)), []);
  // These come out of the others' methods and are never made by hand.
  const met = ['Emitter', 'View', 'PresenceList', 'Subscription', 'CommandQueue'];
  assert.deepEqual(typed.filter((name) => !given.includes(name) && !met.includes(name)), []);
});

test('money is read and written without a rounding', () => {
  assert.deepEqual(['5,000', '฿5000.50', ' 12 000 ', '0.05', '5.001', '', 'abc', '-5'].map(satang), [500_000, 500_050, 1_200_000, 5, null, null, null, null]);
  assert.deepEqual([500_000, 1_289_950, -5].map(baht), ['฿5,000', '฿12,899.50', '−฿0.05']);
});

test('a day is a day in Bangkok', () => {
  const lateEvening = Date.UTC(2026, 1, 1, 16, 59);
  assert.equal(isoDay(dayOf(lateEvening)), '2026-02-01');
  assert.equal(isoDay(dayOf(lateEvening + 60_000)), '2026-02-02');
  assert.equal(startOfDay(dayFromIso('2026-02-02')), Date.UTC(2026, 1, 1, 17));
  assert.deepEqual([0, 61_000, 3_725_000, -5].map(stopwatch), ['00:00', '01:01', '1:02:05', '00:00']);
});

test('a name with braces is only a name', () => {
  setLanguage('en');
  assert.equal(t('lead.created', { name: '{name} <b>' }), 'Lead created for {name} <b>');
  assert.equal(named({ th: 'ไฮดรา' }), 'ไฮดรา');
});

test('refusals are explained with what the hub knows', () => {
  setLanguage('en');
  const at = Date.UTC(2026, 1, 2, 4, 2);
  assert.equal(explain({ code: 'task_already_started', details: { started_by_name: 'Mint', started_at: at } }), 'Mint began this at 11:02.');
  assert.equal(explain({ code: 'amount_mismatch', details: { expected_st: 500_000 } }), 'The amount is not the price (฿5,000).');
  assert.equal(explain({ code: 'invalid_transition', details: { stage: 'in_treatment' } }), 'This step is not possible now: the case is at “In treatment”.');
  assert.equal(explain({ code: 'something_new', details: {} }), 'It did not work (something_new).');
});

test('a desk is found by role, and the clinic asked for comes first', () => {
  assert.deepEqual(desksOf('clinic_owner'), ['beautician', 'sales']);
  assert.deepEqual(desksOf('customer'), []);
  const memberships = [{ clinic: 'a', role: 'customer' }, { clinic: 'b', role: 'sales_staff' }, { clinic: 'c', role: 'sales_staff' }];
  assert.equal(chooseMembership(memberships, ['sales_staff'], 'c').clinic, 'c');
  assert.equal(chooseMembership(memberships, ['sales_staff'], 'a').clinic, 'b');
  assert.equal(chooseMembership(memberships, ['clinic_staff'], null), null);
});

// The beautician's day

const NOW = Date.UTC(2026, 1, 2, 4, 0);
const MINUTE = 60_000;

function day({ mine = [], pool = [], flows = [], pending = [] }) {
  const byId = new Map(flows.map((flow) => [flow.id, flow]));
  return makeDay({
    mine: mine.map(taskRow), pool: pool.map(taskRow), pending, now: NOW,
    workflow: (id) => byId.get(id), customer: (id) => ({ id, full_name: id }), treatment: () => ({ duration_minutes: 60 }),
  });
}

const taskRow = (row) => ({ priority_rank: 1, due_date: NOW, created_at: 0, status: 'pending', task_type: 'perform_treatment', workflow_id: `w-${row.id}`, ...row });
const ids = (items) => items.map((item) => item.id);

test('urgent comes first, then due, without a date last, then age', () => {
  const made = day({
    mine: [
      { id: 'late', due_date: NOW + 30 * MINUTE }, { id: 'dateless', due_date: null }, { id: 'soon', due_date: NOW + MINUTE },
      { id: 'urgent', priority_rank: 3, due_date: NOW + 60 * MINUTE }, { id: 'older', due_date: null, created_at: -1 },
    ],
  });
  assert.deepEqual(ids(made.next), ['urgent', 'soon', 'late', 'older', 'dateless']);
});

test('a task of another day is not in the way of today', () => {
  const made = day({ mine: [{ id: 'tomorrow', due_date: NOW + 24 * 60 * MINUTE }, { id: 'yesterday', due_date: NOW - 24 * 60 * MINUTE }] });
  assert.deepEqual([ids(made.next), ids(made.later)], [['yesterday'], ['tomorrow']]);
  assert.ok(made.next[0].lateMs > 0);
});

test('a tap shows as running at once and as not confirmed', () => {
  const flows = [{ id: 'w-a', current_stage: 'treatment_scheduled', scheduled_start: NOW, checked_in_at: NOW - 5 * MINUTE }];
  const pending = [{ name: 'startTreatment', args: { workflowId: 'w-a' }, at: NOW - 1000, state: 'queued' }];
  const made = day({ mine: [{ id: 'a' }], flows, pending });
  assert.deepEqual([ids(made.running), ids(made.next)], [['a'], []]);
  assert.equal(made.running[0].startedAt, NOW - 1000);
  assert.equal(made.running[0].tap.state, 'queued');
  const before = day({ mine: [{ id: 'a' }], flows });
  assert.equal(before.next[0].arrivedAt, NOW - 5 * MINUTE);
});

test('the pool holds what a beautician can take', () => {
  const made = day({ pool: [{ id: 'room', task_type: 'prepare_treatment' }, { id: 'quote', task_type: 'send_proposal' }, { id: 'treat' }] });
  assert.deepEqual(ids(made.pool), ['room', 'treat']);
});

// Sales

test('cases are found by name in any case, and by a few digits of the phone', () => {
  const workflows = [
    { id: '1', customer_id: 'a', current_stage: 'lead_created', stage_entered_at: 1, assigned_sales_id: 's1' },
    { id: '2', customer_id: 'b', current_stage: 'scanned', stage_entered_at: 2, assigned_sales_id: 's2' },
  ];
  const people = { a: { full_name: 'Anya Petrova', phone: '0812345678' }, b: { full_name: 'กมล', phone: '0899999999' } };
  const find = (filter) => makeCases({ workflows, customer: (id) => people[id], filter: { search: '', stage: null, mine: null, ...filter } });
  assert.deepEqual(ids(find({}).shown), ['2', '1'], 'what moved last comes first');
  assert.deepEqual(ids(find({ search: 'PETRO' }).shown), ['1']);
  assert.deepEqual(ids(find({ search: '99-999' }).shown), ['2']);
  assert.deepEqual(ids(find({ search: 'กมล' }).shown), ['2']);
  assert.deepEqual(ids(find({ mine: 's1' }).shown), ['1']);
  const staged = find({ stage: 'scanned' });
  assert.deepEqual([ids(staged.shown), staged.counts.get('lead_created'), staged.total], [['2'], 1, 2]);
});

test('a phone number is compared as the hub does it', () => {
  assert.deepEqual(['081-234 5678', '+66 81 234 5678', '+66 (0)81 234 5678', '๐๘๑๒๓๔๕๖๗๘'].map(plainPhone), Array(4).fill('0812345678'));
});

test('times that are past are gone, taken ones are marked, of this beautician only', () => {
  const flows = [
    { id: 'x', assigned_beautician_id: 'b1', current_stage: 'treatment_scheduled', scheduled_start: NOW + 60 * MINUTE, scheduled_end: NOW + 120 * MINUTE },
    { id: 'y', assigned_beautician_id: 'b1', current_stage: 'treatment_completed', scheduled_start: NOW + 240 * MINUTE, scheduled_end: NOW + 300 * MINUTE },
    { id: 'z', assigned_beautician_id: 'b2', current_stage: 'treatment_scheduled', scheduled_start: NOW + 300 * MINUTE, scheduled_end: NOW + 360 * MINUTE },
  ];
  const slots = makeSlots({ day: dayOf(NOW), now: NOW + 1, minutes: 60, bookings: bookingsOf(flows, 'b1', 'none') });
  assert.equal(slots[0].start, NOW + 30 * MINUTE);
  assert.deepEqual(slots.filter((slot) => slot.isTaken).map((slot) => (slot.start - NOW) / MINUTE), [30, 60, 90]);
  assert.deepEqual(bookingsOf(flows, 'b1', 'x'), []);
});
