import { startOfDay } from '../app/format.js';

/** The times that a case can be booked at: every half hour of the clinic's day, less what is past or taken. */

const OPENS_HOUR = 9;
const CLOSES_HOUR = 20;
const STEP_MS = 30 * 60_000;
const HOUR_MS = 3_600_000;

/** The stages whose appointment still holds its beautician. */
const HOLDING = new Set(['treatment_scheduled', 'in_treatment']);

/**
 * @param {{day: number, now: number, minutes: number, bookings: Array<{start: number, end: number}>}} question
 *   `day` in days since 1970 in Bangkok
 * @returns {Array<{start: number, isTaken: boolean}>} without those that are past
 */
export function makeSlots({ day, now, minutes, bookings }) {
  const slots = [];
  const opens = startOfDay(day) + OPENS_HOUR * HOUR_MS;
  const closes = startOfDay(day) + CLOSES_HOUR * HOUR_MS;
  for (let start = opens; start < closes; start += STEP_MS) {
    if (start < now) continue;
    const end = start + minutes * 60_000;
    slots.push({ start, isTaken: bookings.some((booking) => booking.start < end && start < booking.end) });
  }
  return slots;
}

/**
 * When a beautician is taken already.
 * @param {any[]} workflows @param {string | null} beautician @param {string} except the case that is being booked
 */
export function bookingsOf(workflows, beautician, except) {
  if (!beautician) return [];
  return workflows
    .filter((flow) => flow.id !== except && flow.assigned_beautician_id === beautician && HOLDING.has(flow.current_stage) && flow.scheduled_start)
    .map((flow) => ({ start: flow.scheduled_start, end: flow.scheduled_end ?? flow.scheduled_start + HOUR_MS }));
}
