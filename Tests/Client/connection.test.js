import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AuraError, HttpSession } from '../../public/client/index.js';
import { FakeWorld, seeded } from './fake-world.js';
import { CLINIC, commit, delta, greet, liveClient, makeClient, put, serve, task } from './script.js';

test('a lost link comes back with its cursors in one round trip', async () => {
  const { world, client, tasks, socket } = await liveClient();
  socket.say(delta('s1', 10, commit(11, put(task('t2', 1)))));
  socket.end(1006);
  assert.equal(client.status.state, 'reconnecting');
  await world.advance(500);
  const next = await greet(world);
  assert.deepEqual(next.hello.subscribe[0].cursor, { epoch: 'e1', seq: 11, scope: 'x' });
  assert.notEqual(client.status.state, 'live', 'a welcome alone shows nothing new');
  next.socket.say({ type: 'subscribed', re: next.hello.id, index: 0, stream: 's1', mode: 'resume', cursor: { epoch: 'e1', seq: 11, scope: 'x' }, oldest: 1 });
  next.socket.say(delta('s1', 11, commit(12, put(task('t3', 1)))));
  assert.equal(client.status.state, 'live');
  assert.equal(tasks.rows('task_queue').length, 3);
  assert.equal(next.socket.of('subscribe').length, 0);
});

test('a link that stays lost is stale since the last sign of life', async () => {
  const { world, client, socket } = await liveClient();
  const heard = world.time;
  await world.advance(3_000);
  socket.end(1006);
  assert.deepEqual(client.status, { state: 'reconnecting', since: heard, code: null });
  await world.advance(10_000);
  assert.deepEqual(client.status, { state: 'stale', since: heard, code: null });
});

test('bye says when to come back', async () => {
  const { world, socket } = await liveClient();
  socket.say({ type: 'bye', code: 4100, reason: 'draining', reconnect_ms: 3480 });
  socket.end(4100);
  await world.advance(3479);
  assert.equal(world.sockets.length, 1);
  await world.advance(2);
  assert.equal(world.sockets.length, 2);
});

test('without a slot a thousand clients spread over the whole ceiling, and the ceiling doubles', async () => {
  const waits = [];
  for (let seed = 1; seed <= 120; seed += 1) {
    const { world, client } = makeClient({ seed });
    client.connect();
    await world.settle();
    const own = [];
    for (let attempt = 0; attempt < 4; attempt += 1) {
      const at = world.time;
      const before = world.sockets.length;
      world.socket.end(1006);
      while (world.sockets.length === before) await world.advance(20);
      own.push(world.time - at);
    }
    waits.push(own);
  }
  const ceilings = [500, 1000, 2000, 4000];
  ceilings.forEach((ceiling, attempt) => {
    const column = waits.map((own) => own[attempt]);
    assert.ok(Math.max(...column) <= ceiling + 20);
    const mean = column.reduce((sum, wait) => sum + wait, 0) / column.length;
    assert.ok(Math.abs(mean - ceiling / 2) < ceiling * 0.12, `mean of attempt ${attempt}: ${mean}`);
    const early = column.filter((wait) => wait < ceiling / 4).length / column.length;
    assert.ok(early > 0.15 && early < 0.35, 'evenly, from nothing on');
  });
});

test('the same seed gives the same day', () => {
  const draw = (seed) => { const random = seeded(seed); return Array.from({ length: 5 }, random); };
  assert.deepEqual(draw(7), draw(7));
  assert.notDeepEqual(draw(7), draw(8));
});

for (const code of [1003, 1007, 1009, 4000, 4001, 4003, 4004]) {
  test(`close ${code} is our own fault and is not repeated`, async () => {
    const { world, client, socket } = await liveClient();
    socket.end(code);
    await world.advance(600_000);
    assert.equal(world.sockets.length, 1);
    assert.equal(client.status.state, 'stopped');
    assert.equal(client.status.code, code);
  });
}

test('close 4003 also purges', async () => {
  const { tasks, socket } = await liveClient();
  socket.end(4003);
  assert.equal(tasks.rows('task_queue').length, 0);
});

for (const code of [4201, 4202]) {
  test(`close ${code} comes back at once`, async () => {
    const { world, socket } = await liveClient();
    socket.end(code);
    await world.advance(0);
    assert.equal(world.sockets.length, 2);
  });
}

test('close 4200 comes back at once with a fresh token, but not in a circle', async () => {
  const asked = [];
  const session = { token: async ({ fresh } = {}) => { asked.push(fresh); return `T${asked.length}`; } };
  const { world, socket } = await liveClient({ session });
  socket.end(4200);
  await world.advance(0);
  assert.equal(world.sockets.length, 2);
  assert.deepEqual(asked, [false, true]);
  await world.settle();
  world.socket.open();
  assert.equal(world.socket.last('hello').token, 'T2');
  world.socket.end(4200);
  await world.advance(0);
  assert.equal(world.sockets.length, 2, 'a token that is refused twice waits its turn');
  await world.advance(1_000);
  assert.equal(world.sockets.length, 3);
});

test('a token that is refused at hello costs no subscription', async () => {
  const asked = [];
  const session = { token: async ({ fresh } = {}) => { asked.push(fresh); return 'T'; } };
  const { world, client, tasks, socket } = await liveClient({ session });
  socket.end(1006);
  await world.advance(500);
  world.socket.open();
  const { id } = world.socket.last('hello');
  world.socket.say({ type: 'error', re: id, code: 'token_expired', message: '', temporary: false });
  world.socket.end(4200);
  await world.advance(1_000);
  assert.equal(asked.at(-1), true);
  const { hello, socket: next } = await greet(world);
  assert.equal(hello.subscribe.length, 1);
  next.say({ type: 'subscribed', re: hello.id, index: 0, stream: 's1', mode: 'resume', cursor: { epoch: 'e1', seq: 10, scope: 'x' }, oldest: 1 });
  assert.equal(client.status.state, 'live');
  assert.equal(tasks.rows('task_queue').length, 1);
});

test('one wish that is refused in hello leaves the others', async () => {
  const { world, client } = makeClient();
  const hidden = client.subscribe({ clinic: CLINIC, topics: ['pos_transactions'] });
  const tasks = client.subscribe({ clinic: CLINIC, topics: ['task_queue'] });
  client.connect();
  const { socket, hello } = await greet(world);
  socket.say({ type: 'error', re: hello.id, index: 0, code: 'forbidden', message: '', temporary: false });
  serve(socket, { re: hello.id, index: 1, rows: [task('t1', 1)] });
  assert.deepEqual([hidden.state, tasks.state, client.status.state], ['refused', 'live', 'live']);
});

test('auth_due renews the token on the open socket', async () => {
  const asked = [];
  const session = { token: async ({ fresh } = {}) => { asked.push(fresh); return fresh ? 'NEW' : 'OLD'; } };
  const { world, socket, client } = await liveClient({ session });
  socket.say({ type: 'auth_due', at: world.time + 60_000 });
  await world.settle();
  assert.equal(socket.last('auth').token, 'NEW');
  socket.say({ type: 'authenticated', re: socket.last('auth').id, expires_at: world.time + 900_000 });
  assert.equal(client.status.state, 'live');
  assert.equal(world.sockets.length, 1);
});

test('a dead link is found by its silence', async () => {
  const { world, client, socket } = await liveClient();
  socket.isDead = true;
  await world.advance(25_000);
  assert.equal(socket.of('ping').length, 1, 'after the silence it asks');
  await world.advance(5_000);
  assert.equal(client.status.state, 'reconnecting');
  await world.advance(1_000);
  assert.equal(world.sockets.length, 2);
  assert.equal(world.openSockets, 1);
});

test('a dead link is found sooner by a tap', async () => {
  const { world, client, socket } = await liveClient();
  socket.isDead = true;
  client.command('startTreatment', { workflowId: 'w1' }, { clinic: CLINIC });
  await world.advance(9_900);
  assert.equal(client.status.state, 'live');
  await world.advance(200);
  assert.notEqual(client.status.state, 'live');
});

test('a quiet link that answers stays', async () => {
  const { world, client, socket } = await liveClient();
  for (let round = 0; round < 10; round += 1) {
    await world.advance(25_000);
    socket.say({ type: 'pong', re: socket.last('ping').id });
  }
  assert.equal(client.status.state, 'live');
  assert.equal(world.sockets.length, 1);
});

test('when the system says offline the light goes out until the hub answers', async () => {
  const { world, client, socket } = await liveClient();
  client.doubt();
  assert.equal(client.status.state, 'reconnecting');
  socket.say({ type: 'pong', re: socket.last('ping').id });
  assert.equal(client.status.state, 'live');
  client.doubt();
  await world.advance(5_000);
  assert.equal(socket.readyState, 2);
});

test('waking does not wait for the timer', async () => {
  const { world, client, socket } = await liveClient();
  socket.say({ type: 'bye', code: 4100, reason: 'draining', reconnect_ms: 60_000 });
  socket.end(4100);
  client.wake();
  await world.settle();
  assert.equal(world.sockets.length, 2);
});

test('a hub that accepts and says nothing is left', async () => {
  const { world, client } = makeClient();
  client.connect();
  await world.settle();
  world.socket.open();
  await world.advance(10_000);
  await world.advance(1_000);
  assert.equal(world.sockets.length, 2);
  assert.equal(world.openSockets, 1);
});

test('closing stays closed, connecting again works', async () => {
  const { world, client } = await liveClient();
  client.close();
  await world.advance(600_000);
  assert.equal(world.sockets.length, 1);
  client.connect();
  await world.settle();
  assert.equal(world.sockets.length, 2);
});

test('a session that the hub forgot stops, one that it cannot reach waits', async () => {
  const outcomes = [new AuraError('unreachable', '', { temporary: true }), new AuraError('unauthenticated')];
  const session = { token: async () => { throw outcomes.shift(); } };
  const { world, client } = makeClient({ session });
  client.connect();
  await world.settle();
  assert.equal(client.status.state, 'reconnecting');
  await world.advance(1_000);
  assert.equal(client.status.state, 'stopped');
  assert.equal(client.status.code, 'unauthenticated');
});

test('the session refreshes once for all who ask, and only when it must', async () => {
  const world = new FakeWorld();
  let turn = 0;
  world.answer = (path) => {
    turn += 1;
    return { status: 200, body: { access_token: `${path}#${turn}`, expires_at: world.time + 900_000, user: { id: 'u' } } };
  };
  const session = new HttpSession({ world, locks: null });
  await session.signIn('a@b.c', 'pw');
  assert.equal(await session.token(), '/api/auth/login#1');
  const both = await Promise.all([session.token({ fresh: true }), session.token({ fresh: true })]);
  assert.deepEqual(both, ['/api/auth/refresh#2', '/api/auth/refresh#2']);
  world.time += 880_000;
  assert.equal(await session.token(), '/api/auth/refresh#3', 'a token in its last seconds is not used');
});

test('the session tells refusals from weather', async () => {
  const world = new FakeWorld();
  const session = new HttpSession({ world, locks: null });
  const ended = [];
  session.on('ended', (error) => ended.push(error.code));
  world.answer = () => { throw new TypeError('fetch failed'); };
  await assert.rejects(session.token(), (error) => error.temporary && error.code === 'unreachable');
  world.answer = () => ({ status: 503, body: {} });
  await assert.rejects(session.token(), (error) => error.temporary);
  assert.deepEqual(ended, []);
  world.answer = () => ({ status: 401, body: { error: { code: 'unauthenticated', message: 'who?' } } });
  await assert.rejects(session.token(), (error) => !error.temporary && error.status === 401);
  assert.deepEqual(ended, ['unauthenticated']);
});
