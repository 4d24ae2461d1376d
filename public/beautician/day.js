import { dayOf } from '../app/format.js';

/**
 * A beautician's day out of rows: pure, so that what stands where is decided in one place and tested without a screen.
 */

/** The kinds of task that a beautician may take from the pool. */
const POOL_TYPES = new Set(['prepare_treatment', 'perform_treatment']);

/** Urgent first, then due first (without a date last), then made first. */
export const inOrder = (a, b) =>
  b.priority_rank - a.priority_rank
  || (a.due_date ?? Infinity) - (b.due_date ?? Infinity)
  || a.created_at - b.created_at
  || (a.id < b.id ? -1 : 1);

/**
 * What has been tapped and not yet answered, by what it is about: a task's id or a workflow's.
 * @param {Array<{name: string, args: any, at: number, state: string}>} pending
 */
export function pendingBySubject(pending) {
  const bySubject = new Map();
  for (const command of pending) bySubject.set(command.args.taskId ?? command.args.workflowId, command);
  return bySubject;
}

const BEGINS = new Set(['startTreatment', 'startTask']);

/**
 * @param {object} rows
 * @param {any[]} rows.mine open tasks of the caller
 * @param {any[]} rows.pool open tasks of nobody
 * @param {(id: string) => any} rows.workflow
 * @param {(id: string) => any} rows.customer
 * @param {(workflow: any) => any} rows.treatment
 * @param {any[]} rows.pending
 * @param {number} rows.now
 */
export function makeDay({ mine, pool, workflow, customer, treatment, pending, now }) {
  const taps = pendingBySubject(pending);
  const card = (task) => {
    const flow = workflow(task.workflow_id);
    const isTreatment = task.task_type === 'perform_treatment';
    const tap = taps.get(task.id) ?? (isTreatment ? taps.get(task.workflow_id) : undefined) ?? null;
    const who = flow ? customer(flow.customer_id) : undefined;
    const kind = flow ? treatment(flow) : undefined;
    const isRunning = task.status === 'in_progress';
    const begins = !isRunning && tap !== null && BEGINS.has(tap.name);
    const minutes = task.estimated_duration ?? kind?.duration_minutes ?? null;
    const startedAt = isRunning ? task.started_at : begins ? tap.at : null;
    const start = isTreatment ? flow?.scheduled_start ?? task.due_date : task.due_date;
    return {
      id: task.id,
      task,
      flow,
      customer: who,
      treatment: kind,
      isTreatment,
      isRunning: isRunning || begins,
      tap,
      start,
      end: isTreatment ? flow?.scheduled_end ?? null : null,
      minutes,
      startedAt,
      room: flow?.room ?? task.task_data?.room ?? null,
      arrivedAt: isTreatment && !isRunning && !begins ? flow?.checked_in_at ?? null : null,
      mayArrive: isTreatment && flow?.current_stage === 'treatment_scheduled' && !flow.checked_in_at && isToday(start, now),
      lateMs: !isRunning && !begins && task.due_date && task.due_date < now ? now - task.due_date : 0,
    };
  };

  const own = [...mine].sort(inOrder).map(card);
  const running = own.filter((item) => item.isRunning).sort((a, b) => a.startedAt - b.startedAt);
  const waiting = own.filter((item) => !item.isRunning);
  return {
    running,
    next: waiting.filter((item) => !item.start || dayOf(item.start) <= dayOf(now)),
    later: waiting.filter((item) => item.start && dayOf(item.start) > dayOf(now)),
    pool: pool.filter((task) => POOL_TYPES.has(task.task_type)).sort(inOrder).map(card),
  };
}

const isToday = (ms, now) => ms !== null && ms !== undefined && dayOf(ms) === dayOf(now);
