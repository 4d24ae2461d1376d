import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CLINIC, commit, delta, greet, liveClient, makeClient, put, remove, serve, task } from './script.js';

test('hello carries the token, the wishes and no cursor the first time', async () => {
  const { client, hello, socket } = await liveClient();
  assert.equal(socket.protocol, 'aura.v1.json');
  assert.equal(hello.token, 'T');
  assert.deepEqual(hello.subscribe, [{ clinic: CLINIC, topics: ['task_queue'], cursor: null, where: { assigned_to: 'me' } }]);
  assert.equal(client.status.state, 'live');
});

test('a snapshot in parts shows only when its last part has come', async () => {
  const { world, client } = makeClient();
  const tasks = client.subscribe({ clinic: CLINIC, topics: ['task_queue'] });
  let changes = 0;
  tasks.on('change', () => { changes += 1; });
  client.connect();
  const { socket, hello } = await greet(world);
  socket.say({ type: 'subscribed', re: hello.id, index: 0, stream: 's1', mode: 'snapshot', reason: 'first', cursor: { epoch: 'e', seq: 5, scope: 'x' }, oldest: 1 });
  socket.say({ type: 'snapshot', stream: 's1', seq: 5, part: 0, last: false, rows: { task_queue: [task('a', 1)] } });
  assert.equal(tasks.rows('task_queue').length, 0);
  assert.equal(client.status.state, 'connecting');
  socket.say({ type: 'snapshot', stream: 's1', seq: 5, part: 1, last: true, rows: { task_queue: [task('b', 1)] } });
  assert.deepEqual(tasks.rows('task_queue').map((row) => row.id), ['a', 'b']);
  assert.equal(changes, 1);
  assert.equal(client.status.state, 'live');
});

test('a missing part asks for the whole again', async () => {
  const { world, client } = makeClient();
  const tasks = client.subscribe({ clinic: CLINIC, topics: ['task_queue'] });
  client.connect();
  const { socket, hello } = await greet(world);
  socket.say({ type: 'subscribed', re: hello.id, index: 0, stream: 's1', mode: 'snapshot', cursor: { epoch: 'e', seq: 5, scope: 'x' }, oldest: 1 });
  socket.say({ type: 'snapshot', stream: 's1', seq: 5, part: 1, last: true, rows: { task_queue: [task('b', 1)] } });
  const again = socket.last('subscribe');
  assert.equal(again.cursor, null);
  serve(socket, { re: again.id, rows: [task('a', 1), task('b', 1)] });
  assert.equal(tasks.rows('task_queue').length, 2);
});

test('a new snapshot drops what the old one held', async () => {
  const { socket, tasks } = await liveClient({}, [task('t1', 1), task('t2', 1)]);
  socket.say({ type: 'subscribed', stream: 's1', mode: 'snapshot', reason: 'cheaper', cursor: { epoch: 'e1', seq: 90, scope: 'x' }, oldest: 1 });
  assert.equal(tasks.rows('task_queue').length, 2, 'until then the old one shows');
  socket.say({ type: 'snapshot', stream: 's1', seq: 90, part: 0, last: true, rows: { task_queue: [task('t2', 4)] } });
  assert.deepEqual(tasks.rows('task_queue'), [task('t2', 4)]);
  assert.equal(tasks.cursor.seq, 90);
});

test('a delta of several commits is one change, with all of them applied', async () => {
  const { socket, tasks } = await liveClient();
  const seen = [];
  tasks.on('change', (change) => seen.push([change.commits.length, tasks.rows('task_queue').length]));
  socket.say(delta('s1', 10, commit(11, put(task('t2', 1)), put(task('t3', 1))), commit(12, remove('t1', 2))));
  assert.deepEqual(seen, [[2, 2]]);
  assert.equal(tasks.cursor.seq, 12);
});

test('a gap asks again with the cursor, and the resume continues without a snapshot', async () => {
  const { socket, tasks, client } = await liveClient();
  socket.say(delta('s1', 12, commit(13, put(task('t3', 1)))));
  assert.equal(tasks.get('task_queue', 't3'), undefined, 'nothing after a gap is applied');
  const again = socket.last('subscribe');
  assert.deepEqual(again.cursor, { epoch: 'e1', seq: 10, scope: 'x' });
  assert.notEqual(client.status.state, 'live');
  socket.say({ type: 'subscribed', re: again.id, stream: 's1', mode: 'resume', cursor: { epoch: 'e1', seq: 10, scope: 'x' }, oldest: 1 });
  socket.say(delta('s1', 10, commit(12, put(task('t2', 1))), commit(13, put(task('t3', 1)))));
  assert.deepEqual(tasks.rows('task_queue').map((row) => row.id), ['t1', 't2', 't3']);
  assert.equal(client.status.state, 'live');
});

test('a resume that missed nothing goes on from where the stream stands', async () => {
  const { socket, tasks, client } = await liveClient();
  socket.say({ type: 'ping', n: 1, heads: { s1: 40 } });
  const again = socket.last('subscribe');
  socket.say({ type: 'subscribed', re: again.id, stream: 's1', mode: 'resume', cursor: { epoch: 'e1', seq: 40, scope: 'x' }, oldest: 1 });
  socket.say({ type: 'ping', n: 2, heads: { s1: 40 } });
  socket.say(delta('s1', 40, commit(41, put(task('t2', 1)))));
  assert.equal(socket.of('subscribe').length, 1, 'the head is mine: no gap');
  assert.equal(tasks.rows('task_queue').length, 2);
  assert.equal(client.status.state, 'live');
});

test('gaps that do not end give the cursor up instead of asking for ever', async () => {
  const { world, socket, tasks } = await liveClient();
  for (let round = 0; round < 3; round += 1) {
    socket.say(delta('s1', 50 + round, commit(60 + round, put(task('x', 1)))));
    await world.advance(5_000);
    const again = socket.of('subscribe').at(-1);
    if (round < 2) {
      socket.say({ type: 'subscribed', re: again.id, stream: 's1', mode: 'resume', cursor: { epoch: 'e1', seq: 10, scope: 'x' }, oldest: 1 });
    } else {
      assert.equal(again.cursor, null);
    }
  }
  assert.equal(tasks.rows('task_queue').length, 1, 'what was shown stays until something better comes');
});

test('a row that comes twice or late does not go back', async () => {
  const { socket, tasks } = await liveClient({}, [task('t1', 5, { status: 'in_progress' })]);
  let changes = 0;
  tasks.on('change', () => { changes += 1; });
  socket.say(delta('s1', 10, commit(11, put(task('t1', 5, { status: 'pending' })))));
  socket.say(delta('s1', 11, commit(12, put(task('t1', 4, { status: 'pending' })))));
  assert.equal(tasks.get('task_queue', 't1').status, 'in_progress');
  socket.say(delta('s1', 12, commit(13, remove('t1', 4))));
  assert.ok(tasks.get('task_queue', 't1'), 'a remove of an older version is late too');
  assert.equal(changes, 0);
  socket.say(delta('s1', 13, commit(14, remove('t1', 6))));
  assert.equal(tasks.get('task_queue', 't1'), undefined);
});

test('a delta that I have seen is nothing, one that overlaps is applied from where I am', async () => {
  const { socket, tasks } = await liveClient();
  socket.say(delta('s1', 8, commit(10, put(task('old', 1)))));
  assert.equal(tasks.get('task_queue', 'old'), undefined);
  socket.say(delta('s1', 8, commit(10, put(task('old', 1))), commit(11, put(task('new', 1)))));
  assert.equal(tasks.get('task_queue', 'old'), undefined);
  assert.ok(tasks.get('task_queue', 'new'));
  assert.equal(socket.of('subscribe').length, 0);
});

test('a ping is answered, and a head ahead of mine is a gap', async () => {
  const { socket } = await liveClient();
  socket.say({ type: 'ping', n: 3, heads: { s1: 10 } });
  assert.deepEqual(socket.last('pong'), { type: 'pong', n: 3 });
  assert.equal(socket.of('subscribe').length, 0);
  socket.say({ type: 'ping', n: 4, heads: { s1: 11 } });
  assert.equal(socket.last('subscribe').cursor.seq, 10);
});

test('revoked rights purge what was held', async () => {
  const { socket, tasks } = await liveClient();
  const ends = [];
  tasks.on('ended', (end) => ends.push([end.code, tasks.rows('task_queue').length]));
  socket.say({ type: 'unsubscribed', stream: 's1', code: 'access_revoked' });
  assert.deepEqual(ends, [['access_revoked', 0]]);
  assert.equal(tasks.state, 'ended');
});

test('a changed scope subscribes anew', async () => {
  const { socket, tasks } = await liveClient();
  socket.say({ type: 'unsubscribed', stream: 's1', code: 'scope_changed' });
  const again = socket.last('subscribe');
  serve(socket, { re: again.id, stream: 's2', reason: 'scope', rows: [task('t9', 1)] });
  assert.deepEqual(tasks.rows('task_queue').map((row) => row.id), ['t9']);
});

test('two widgets with one wish share one stream, which ends with the last of them', async () => {
  const { world, client, socket } = await liveClient();
  const wish = { clinic: CLINIC, topics: ['workflow_states', 'customers'], where: { status: ['active', 'lead'] } };
  const one = client.subscribe(wish);
  const two = client.subscribe({ ...wish, topics: ['customers', 'workflow_states'], where: { status: ['lead', 'active'] } });
  assert.equal(one, two);
  assert.equal(socket.of('subscribe').length, 1);
  serve(socket, { re: socket.last('subscribe').id, stream: 's5' });
  one.close();
  assert.equal(socket.of('unsubscribe').length, 0);
  two.close();
  await world.settle();
  assert.equal(socket.last('unsubscribe').stream, 's5');
  assert.equal(client.status.state, 'live');
});

test('a refused wish says so, a temporary refusal is tried again', async () => {
  const { world, client, socket } = await liveClient();
  const hidden = client.subscribe({ clinic: CLINIC, topics: ['pos_transactions'] });
  const refusals = [];
  hidden.on('refused', (error) => refusals.push(error.code));
  const ask = socket.last('subscribe');
  socket.say({ type: 'error', re: ask.id, code: 'unavailable', message: '', temporary: true, retry_ms: 700 });
  await world.advance(699);
  assert.equal(socket.of('subscribe').length, 1);
  await world.advance(2);
  const second = socket.last('subscribe');
  assert.notEqual(second.id, ask.id);
  socket.say({ type: 'error', re: second.id, code: 'forbidden', message: '', temporary: false });
  assert.deepEqual(refusals, ['forbidden']);
  assert.equal(client.status.state, 'live', 'one refused wish does not make the rest old');
});

test('presence keeps the list, and a missed number asks for all of it', async () => {
  const { client, socket } = await liveClient();
  const staff = client.subscribe({ clinic: CLINIC, topics: ['presence'] });
  socket.say({ type: 'subscribed', re: socket.last('subscribe').id, stream: 's7', mode: 'snapshot', reason: 'first', cursor: { epoch: 'e1', seq: 10, scope: 'x' }, oldest: 1 });
  socket.say({ type: 'presence', clinic: CLINIC, n: 4, op: 'all', users: [{ id: 'u1', devices: 1 }] });
  socket.say({ type: 'presence', clinic: CLINIC, n: 5, op: 'enter', users: [{ id: 'u2', devices: 1 }] });
  socket.say({ type: 'presence', clinic: CLINIC, n: 6, op: 'leave', users: [{ id: 'u1', devices: 0 }] });
  assert.deepEqual(staff.presence.users.map((user) => user.id), ['u2']);
  const before = socket.of('subscribe').length;
  socket.say({ type: 'presence', clinic: CLINIC, n: 9, op: 'enter', users: [{ id: 'u3' }] });
  assert.equal(socket.of('subscribe').length, before + 1);
});
