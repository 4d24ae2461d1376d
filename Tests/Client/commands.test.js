import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryQueueStore, WebQueueStore, uuidv7 } from '../../public/client/index.js';
import { FakeWorld } from './fake-world.js';
import { CLINIC, USER, greet, liveClient, makeClient } from './script.js';

const ok = (frame, result = {}, more = {}) => ({
  type: 'ack', re: frame.id, key: frame.key, ok: true, duplicate: false, cursor: { epoch: 'e1', seq: 11 }, result, ...more,
});
const no = (frame, error) => ({ type: 'ack', re: frame.id, key: frame.key, ok: false, duplicate: false, error });

test('a key is a UUID of version 7, in the order of time', () => {
  const world = new FakeWorld();
  const first = uuidv7(world);
  world.time += 1;
  const second = uuidv7(world);
  assert.match(first, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.ok(first < second);
  assert.equal(parseInt(first.replaceAll('-', '').slice(0, 12), 16), world.time - 1);
});

test('a command resolves with its result', async () => {
  const { world, client, socket } = await liveClient();
  const outcome = client.command('startTreatment', { workflowId: 'w1' }, { clinic: CLINIC, expect: { 'workflow_states/w1': 3 } });
  await world.settle();
  const frame = socket.last('command');
  assert.deepEqual(
    { ...frame, id: 0, key: 'k' },
    { type: 'command', id: 0, key: 'k', clinic: CLINIC, name: 'startTreatment', args: { workflowId: 'w1' }, expect: { 'workflow_states/w1': 3 } });
  socket.say(ok(frame, { stage: 'in_treatment' }));
  assert.deepEqual(await outcome, { stage: 'in_treatment' });
  assert.deepEqual(client.commands.pending, []);
});

test('a refusal rejects with its code and details and is not repeated', async () => {
  const { world, client, socket } = await liveClient();
  const outcome = client.command('startTask', { taskId: 't1' }, { clinic: CLINIC });
  await world.settle();
  socket.say(no(socket.last('command'), { code: 'task_already_started', message: 'x', temporary: false, details: { started_by: 's9' } }));
  await assert.rejects(outcome, (error) => error.code === 'task_already_started' && error.details.started_by === 's9');
  await world.advance(60_000);
  assert.equal(socket.of('command').length, 1);
});

test('what was not answered is sent again after a reconnect, once, in order, under the same keys', async () => {
  const { world, client, socket } = await liveClient();
  const outcomes = ['a', 'b', 'c'].map((notes) => client.command('completeTask', { taskId: 't', notes }, { clinic: CLINIC }));
  await world.settle();
  assert.deepEqual(socket.of('command').map((frame) => frame.args.notes), ['a'], 'one lane, one at a time');
  const { key } = socket.last('command');
  socket.end(1006);
  assert.deepEqual(client.commands.pending.map((entry) => entry.state), ['queued', 'queued', 'queued']);
  await world.advance(500);
  const next = (await greet(world)).socket;
  assert.equal(next.last('command').key, key);
  next.say(ok(next.last('command'), {}, { duplicate: true }));
  next.say(ok(next.last('command')));
  next.say(ok(next.last('command')));
  await Promise.all(outcomes);
  assert.deepEqual(next.of('command').map((frame) => frame.args.notes), ['a', 'b', 'c']);
  assert.equal(new Set(next.of('command').map((frame) => frame.key)).size, 3);
});

test('a key that is pending is the same command, and no other one', async () => {
  const { world, client, socket } = await liveClient();
  const key = client.newKey();
  const first = client.command('redeemReward', { rewardId: 'r1' }, { clinic: CLINIC, key });
  const again = client.command('redeemReward', { rewardId: 'r1' }, { clinic: CLINIC, key });
  await assert.rejects(client.command('redeemReward', { rewardId: 'r2' }, { clinic: CLINIC, key }), { code: 'key_reused' });
  await world.settle();
  assert.deepEqual(socket.of('command').map((frame) => [frame.key, frame.args.rewardId]), [[key, 'r1']]);
  socket.say(ok(socket.last('command'), { couponCode: 'RWD-7KQ2MZ4H' }));
  assert.equal(await first, await again);
  client.command('redeemReward', { rewardId: 'r1' }, { clinic: CLINIC, key });
  await world.settle();
  assert.equal(socket.of('command').length, 2, 'once it is answered, the hub knows what the key has done');
});

test('lanes run beside each other, up to what the hub allows', async () => {
  const { world, client } = makeClient();
  client.connect();
  const { socket } = await greet(world, { limits: { frame_bytes: 65_536, in_flight: 2, commands_per_second: 20 } });
  for (const id of ['w1', 'w2', 'w3']) client.command('checkIn', { workflowId: id }, { clinic: CLINIC, lane: id });
  await world.settle();
  assert.deepEqual(socket.of('command').map((frame) => frame.args.workflowId), ['w1', 'w2']);
  socket.say(ok(socket.of('command')[1]));
  assert.deepEqual(socket.of('command').map((frame) => frame.args.workflowId), ['w1', 'w2', 'w3']);
});

test('a temporary error waits for retry_ms and keeps its place', async () => {
  const { world, client, socket } = await liveClient();
  client.command('checkIn', { workflowId: 'w1' }, { clinic: CLINIC });
  client.command('startTreatment', { workflowId: 'w1' }, { clinic: CLINIC });
  await world.settle();
  socket.say({ type: 'error', re: socket.last('command').id, code: 'rate_limited', message: '', temporary: true, retry_ms: 800 });
  await world.advance(799);
  assert.deepEqual(socket.of('command').map((frame) => frame.name), ['checkIn']);
  await world.advance(2);
  assert.deepEqual(socket.of('command').map((frame) => frame.name), ['checkIn', 'checkIn']);
  assert.equal(socket.of('command')[0].key, socket.of('command')[1].key);
  socket.say(ok(socket.last('command')));
  assert.equal(socket.last('command').name, 'startTreatment');
});

test('an overloaded hub is asked again later and later', async () => {
  const { world, client, socket } = await liveClient();
  client.command('checkIn', { workflowId: 'w1' }, { clinic: CLINIC });
  await world.settle();
  for (let round = 1; round <= 4; round += 1) {
    socket.say(no(socket.last('command'), { code: 'overloaded', message: '', temporary: true, details: {} }));
    await world.advance(10_000);
    assert.equal(socket.of('command').length, round + 1);
  }
});

test('a command that is larger than a frame is refused here and disturbs nothing', async () => {
  const { world, client, socket } = await liveClient();
  const large = client.command('completeTask', { taskId: 't1', notes: 'น'.repeat(30_000) }, { clinic: CLINIC });
  const small = client.command('startTask', { taskId: 't2' }, { clinic: CLINIC });
  await assert.rejects(large, (error) => error.code === 'too_large');
  await world.settle();
  assert.deepEqual(socket.of('command').map((frame) => frame.name), ['startTask']);
  socket.say(ok(socket.last('command')));
  await small;
});

test('a closed page leaves its taps behind and the next one sends them', async () => {
  const store = new MemoryQueueStore();
  const before = makeClient({ queueStore: store });
  before.client.user = USER;
  before.client.command('startTask', { taskId: 't1' }, { clinic: CLINIC });
  before.client.command('completeTask', { taskId: 't1' }, { clinic: CLINIC });
  await before.world.settle();
  const after = makeClient({ queueStore: store, seed: 2 });
  const seen = [];
  after.client.commands.on('outcome', ({ entry, ok: done }) => seen.push([entry.name, done]));
  after.client.connect();
  const { socket } = await greet(after.world);
  socket.say(ok(socket.last('command')));
  socket.say(no(socket.last('command'), { code: 'invalid_transition', message: '', temporary: false, details: {} }));
  await after.world.settle();
  assert.deepEqual(socket.of('command').map((frame) => frame.name), ['startTask', 'completeTask']);
  assert.deepEqual(seen, [['startTask', true], ['completeTask', false]]);
  assert.deepEqual(store.all(), []);
});

test('what another person left on this tablet stays theirs', async () => {
  const store = new MemoryQueueStore();
  const before = makeClient({ queueStore: store });
  before.client.user = { id: 'somebody-else' };
  before.client.command('startTask', { taskId: 't1' }, { clinic: CLINIC });
  await before.world.settle();
  const after = makeClient({ queueStore: store, seed: 2 });
  after.client.connect();
  const { socket } = await greet(after.world);
  assert.equal(socket.of('command').length, 0);
  assert.equal(store.all().length, 1);
});

test('web storage keeps one item a command and survives being full', () => {
  const items = new Map();
  const storage = {
    get length() { return items.size; },
    key: (index) => [...items.keys()][index],
    getItem: (name) => items.get(name) ?? null,
    setItem: (name, value) => { if (value.includes('big')) throw new Error('quota'); items.set(name, value); },
    removeItem: (name) => items.delete(name),
  };
  const store = new WebQueueStore({ storage });
  store.add({ key: 'k2', order: 2 });
  store.add({ key: 'k1', order: 1 });
  store.add({ key: 'k3', order: 3, args: 'big' });
  items.set('another.app', '1');
  assert.deepEqual(store.all().map((entry) => entry.key), ['k1', 'k2']);
  store.remove('k1');
  assert.deepEqual(store.all().map((entry) => entry.key), ['k2']);
});

test('a query is asked again on the next connection and gives up in the end', async () => {
  const { world, client, socket } = await liveClient();
  const answer = client.query('workflowHistory', { workflowId: 'w1' }, { clinic: CLINIC });
  assert.equal(socket.last('query').name, 'workflowHistory');
  socket.end(1006);
  await world.advance(500);
  const next = (await greet(world)).socket;
  next.say({ type: 'result', re: next.last('query').id, ok: true, seq: 12, data: { actions: [] } });
  assert.deepEqual(await answer, { actions: [] });
  const lost = client.query('staff', {}, { clinic: CLINIC });
  lost.catch(() => {});
  next.end(1006);
  await world.advance(21_000);
  await assert.rejects(lost, (error) => error.code === 'timeout');
});

test('a query that is refused rejects with the code', async () => {
  const { client, socket } = await liveClient();
  const refused = client.query('staff', {}, { clinic: CLINIC });
  socket.say({ type: 'result', re: socket.last('query').id, ok: false, error: { code: 'forbidden', message: '', temporary: false } });
  await assert.rejects(refused, (error) => error.code === 'forbidden');
});
