/**
 * The list of cases out of rows: pure, so that search, filters and order are decided in one place.
 */

export const STAGES = [
  'lead_created', 'scanned', 'proposal_sent', 'payment_confirmed', 'treatment_scheduled',
  'in_treatment', 'treatment_completed', 'follow_up', 'completed',
];

/** Stages from which a payment can be confirmed. */
export const BEFORE_PAYMENT = new Set(['lead_created', 'scanned', 'proposal_sent']);

/**
 * @param {object} rows
 * @param {any[]} rows.workflows
 * @param {(id: string) => any} rows.customer
 * @param {{search: string, stage: string | null, mine: string | null}} rows.filter `mine`: the caller's staff id, or null for all
 */
export function makeCases({ workflows, customer, filter }) {
  const needle = fold(filter.search);
  const digits = filter.search.replace(/\D/g, '');
  const inScope = [];
  for (const workflow of workflows) {
    if (filter.mine && workflow.assigned_sales_id !== filter.mine) continue;
    const who = customer(workflow.customer_id);
    if (needle && !matches(who, needle, digits)) continue;
    inScope.push({ id: workflow.id, workflow, customer: who });
  }
  const counts = new Map();
  for (const { workflow } of inScope) counts.set(workflow.current_stage, (counts.get(workflow.current_stage) ?? 0) + 1);
  const shown = inScope
    .filter(({ workflow }) => !filter.stage || workflow.current_stage === filter.stage)
    .sort((a, b) => b.workflow.stage_entered_at - a.workflow.stage_entered_at || (a.id < b.id ? 1 : -1));
  return { shown, counts, total: inScope.length };
}

function matches(customer, needle, digits) {
  if (!customer) return false;
  const words = [customer.full_name, customer.nickname, customer.customer_code, customer.email].map((text) => fold(text ?? ''));
  if (words.some((word) => word.includes(needle))) return true;
  return digits.length >= 3 && (customer.phone ?? '').replace(/\D/g, '').includes(digits);
}

const fold = (text) => text.trim().toLowerCase().normalize('NFC');

/**
 * A phone number as the hub compares it: digits with a leading zero for Thailand.
 * @param {string} text
 */
export function plainPhone(text) {
  const arabic = text.replace(/[๐-๙]/g, (digit) => String(digit.charCodeAt(0) - 0x0e50));
  const digits = arabic.replace(/[^\d+]/g, '');
  return digits.startsWith('+66') ? `0${digits.slice(3).replace(/^0/, '')}` : digits.replace(/\+/g, '');
}
