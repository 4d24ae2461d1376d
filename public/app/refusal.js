import { baht, clock } from './format.js';
import { hasWords, t } from './language.js';

/**
 * Why something did not happen, in words that help: who was faster, what the price is, at which step the case stands.
 * @param {import('../client/errors.js').AuraError} error
 * @param {{staffName?: (id: string) => string | undefined}} [known]
 * @returns {string}
 */
export function explain(error, { staffName = () => undefined } = {}) {
  const { code, details = {} } = error;
  switch (code) {
    case 'task_already_started': {
      const name = details.started_by_name ?? staffName(details.started_by);
      const at = details.started_at;
      return name && at ? t('error.task_already_started', { name, time: clock(Number(at)) }) : t('error.task_already_started.plain');
    }
    case 'invalid_transition': {
      const stage = details.stage ?? details.current_stage ?? details.from;
      return stage && hasWords(`stage.${stage}`)
        ? t('error.invalid_transition', { stage: t(`stage.${stage}`) })
        : t('error.invalid_transition.plain');
    }
    case 'stale_version':
      return details.assigned_to_name ? t('error.taken', { name: details.assigned_to_name }) : t('error.stale_version');
    case 'amount_mismatch':
      return Number.isInteger(details.expected_st)
        ? t('error.amount_mismatch', { expected: baht(details.expected_st) })
        : t('error.amount_mismatch.plain');
    case 'bad_request':
      return t('error.bad_request', { path: String(details.path ?? '').replace(/^args\./, '') });
    case 'overloaded':
    case 'internal':
      return t('error.unavailable');
    default:
      return hasWords(`error.${code}`) ? t(`error.${code}`) : t('error.other', { code });
  }
}
