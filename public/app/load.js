import { span } from './format.js';
import { t } from './language.js';

/**
 * How busy a colleague is today, in words, and whether they are at a screen now.
 * @param {{today?: {open_tasks: number, open_minutes: number}, duty?: string}} member a row of the query `staff`
 * @param {boolean} [isHere] connected, as presence says
 */
export function loadWords(member, isHere = false) {
  if (member.duty === 'off') return t('pay.offDuty');
  const { open_tasks: tasks = 0, open_minutes: minutes = 0 } = member.today ?? {};
  const load = tasks === 0 ? t('pay.free') : t('pay.load', { n: tasks, span: span(minutes * 60_000) });
  return [member.duty === 'break' ? t('pay.break') : null, load, isHere ? t('pay.here') : null].filter(Boolean).join(' · ');
}
