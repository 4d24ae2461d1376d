import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { openPortal } from '../../public/client/example-portal.js';
import { CLINIC, USER, commit, delta, greet, makeClient, put } from './script.js';
import { validate } from './schema.js';

const read = (path) => readFileSync(new URL(`../../public/${path}`, import.meta.url), 'utf8');
const CUSTOMER = '01990c00-0000-7000-8000-0000000000d1';
const REWARD = '01990c00-0000-7000-8000-0000000000e1';
const user = { ...USER, memberships: [{ clinic: CLINIC, role: 'customer', customer: CUSTOMER }] };
const profile = (version, points) => ({ id: 'p1', version, customer_id: CUSTOMER, available_points: points, current_tier: 'bronze' });
const posting = (id, amount, at) => ({ id, version: 1, customer_id: CUSTOMER, amount, created_at: at });

/** A portal that shows 650 points, at seq 10. */
async function openedPortal() {
  const { world, client } = makeClient();
  const shown = [];
  const portal = openPortal(client, (mine) => shown.push(mine));
  client.connect();
  const { socket } = await greet(world, { user });
  serve(socket, socket.last('subscribe').id);
  await world.settle();
  return { world, client, portal, shown, socket };
}

function serve(socket, re, index) {
  const cursor = { epoch: 'e1', seq: 10, scope: 'x' };
  socket.say({ type: 'subscribed', re, index, stream: 's1', mode: 'snapshot', reason: 'first', cursor, oldest: 1 });
  const rows = { loyalty_profiles: [profile(5, 650)], point_transactions: [posting('t1', 100, 1), posting('t2', 550, 2)], customer_coupons: [] };
  socket.say({ type: 'snapshot', stream: 's1', seq: 10, part: 0, last: true, rows });
}

const redeemed = delta('s1', 10, commit(
  11,
  put(profile(6, 150), 'loyalty_profiles'),
  put(posting('t3', -500, 3), 'point_transactions'),
  put({ id: 'c1', version: 1, customer_id: CUSTOMER, code: 'RWD-7KQ2MZ4H', status: 'active' }, 'customer_coupons')));
const bought = (frame, duplicate) => ({
  type: 'ack', re: frame.id, key: frame.key, ok: true, duplicate, cursor: { epoch: 'e1', seq: 11 }, result: { couponCode: 'RWD-7KQ2MZ4H' },
});

async function firstOffer({ world, portal, socket }) {
  const offers = portal.offers();
  await world.settle();
  const query = socket.last('query');
  socket.say({ type: 'result', re: query.id, ok: true, seq: 10, data: { rewards: [{ id: REWARD, pointsCost: 500, open: true }] } });
  return (await offers)[0];
}

test('the documentation shows the portal that is tested', () => {
  const shown = read('client/example-portal.js').trimEnd().replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  assert.ok(read('client/index.html').includes(`<pre tabindex="0"><code>${shown}</code></pre>`));
});

test('a portal shows the customer’s points, newest posting first', async () => {
  const { shown, socket } = await openedPortal();
  assert.deepEqual(validate(JSON.parse(read('protocol/aura.v1.schema.json')), '#/$defs/clientFrame', socket.last('subscribe')), []);
  assert.deepEqual(socket.last('subscribe').where, { customer_id: CUSTOMER });
  assert.equal(shown.length, 1);
  assert.deepEqual([shown[0].points, shown[0].tier, shown[0].postings.map(({ id }) => id)], [650, 'bronze', ['t2', 't1']]);
});

test('two taps on an offer are one command, and its coupon comes with the balance', async () => {
  const opened = await openedPortal();
  const { world, portal, shown, socket } = opened;
  const offer = await firstOffer(opened);
  const taps = [portal.redeem(offer), portal.redeem(offer)];
  await world.settle();
  const [frame, ...others] = socket.of('command');
  assert.deepEqual(others, []);
  assert.deepEqual([frame.name, frame.args, frame.key], ['redeemReward', { rewardId: REWARD }, offer.key]);
  socket.say(redeemed);
  socket.say(bought(frame, false));
  assert.deepEqual(await Promise.all(taps), ['RWD-7KQ2MZ4H', 'RWD-7KQ2MZ4H']);
  assert.equal(shown.length, 2);
  assert.deepEqual([shown[1].points, shown[1].coupons.map(({ code }) => code), shown[1].postings[0].amount], [150, ['RWD-7KQ2MZ4H'], -500]);
});

test('a tap after an answer asks anew: what was refused may be had by now', async () => {
  const opened = await openedPortal();
  const { world, portal, socket } = opened;
  const offer = await firstOffer(opened);
  const tap = portal.redeem(offer);
  await world.settle();
  const refused = socket.last('command');
  const error = { code: 'insufficient_points', message: 'no', temporary: false, details: {} };
  socket.say({ type: 'ack', re: refused.id, key: refused.key, ok: false, duplicate: false, error });
  await assert.rejects(tap, { code: 'insufficient_points' });
  const again = portal.redeem(offer);
  await world.settle();
  const frame = socket.last('command');
  assert.notEqual(frame.key, refused.key);
  socket.say(bought(frame, false));
  assert.equal(await again, 'RWD-7KQ2MZ4H');
});

test('a redemption whose answer was lost is asked about again, under its key', async () => {
  const opened = await openedPortal();
  const { world, portal, shown, socket } = opened;
  const offer = await firstOffer(opened);
  const tap = portal.redeem(offer);
  await world.settle();
  socket.end(1006);
  await world.advance(500);
  const next = await greet(world, { user });
  const wish = next.hello.subscribe[0];
  assert.equal(wish.cursor.seq, 10);
  next.socket.say({ type: 'subscribed', re: next.hello.id, index: 0, stream: 's1', mode: 'resume', cursor: { epoch: 'e1', seq: 10, scope: 'x' }, oldest: 1 });
  next.socket.say(redeemed);
  const frame = next.socket.last('command');
  assert.equal(frame.key, offer.key);
  next.socket.say(bought(frame, true));
  assert.equal(await tap, 'RWD-7KQ2MZ4H');
  assert.equal(shown.at(-1).points, 150);
  assert.equal(shown.length, 2, 'the second welcome has opened nothing anew');
});
