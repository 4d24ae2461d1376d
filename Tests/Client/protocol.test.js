import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { CLOSE_CODES } from '../../public/client/index.js';
import { CLINIC, commit, delta, greet, liveClient, put } from './script.js';
import { validate } from './schema.js';

const read = (path) => readFileSync(new URL(`../../public/${path}`, import.meta.url), 'utf8');
const schema = JSON.parse(read('protocol/aura.v1.schema.json'));
const pages = readdirSync(new URL('../../public/protocol/', import.meta.url)).filter((name) => name.endsWith('.html'));
const reference = pages.map((name) => read(`protocol/${name}`)).join('');
const unescape = (text) => text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');

const examples = [...reference.matchAll(/<pre tabindex="0" data-example="(\w+)"><code>([\s\S]*?)<\/code><\/pre>/g)]
  .map(([, side, text]) => ({ side, frame: JSON.parse(unescape(text)) }));

test('every example of the reference is what the schema says', () => {
  assert.ok(examples.length >= 20);
  for (const { side, frame } of examples) {
    assert.deepEqual(validate(schema, `#/$defs/${side}`, frame), [], `${side} ${JSON.stringify(frame)}`);
  }
});

test('the reference shows every frame of both directions', () => {
  for (const side of ['client', 'server']) {
    const shown = new Set(examples.filter((example) => example.side === `${side}Frame`).map(({ frame }) => frame.type));
    assert.deepEqual(Object.keys(schema.$defs[side]).filter((type) => !shown.has(type)), [], side);
  }
});

test('the reference names every command, query, topic, error code and close code', () => {
  const { commands, queries, topic, errorCode, server } = schema.$defs;
  const names = [...Object.keys(commands).filter((name) => name !== 'inviteMember'), ...Object.keys(queries), ...topic.enum, ...errorCode.enum];
  assert.deepEqual(names.filter((name) => !reference.includes(`<code>${name}</code>`)), []);
  const codes = [...server.bye.properties.code.enum, 1003, 1007, 1009];
  assert.deepEqual(codes.filter((code) => !reference.includes(String(code))), []);
  assert.deepEqual(codes.filter((code) => !CLOSE_CODES[code]), []);
});

test('the schema refuses what is wrong', () => {
  const bad = (frame, side = 'clientFrame') => assert.notDeepEqual(validate(schema, `#/$defs/${side}`, frame), [], JSON.stringify(frame));
  const good = examples.find(({ frame }) => frame.type === 'command').frame;
  bad({ ...good, key: 'a key with spaces' });
  bad({ ...good, name: 'startTreatmnet' });
  bad({ ...good, args: { workflowId: 'w1' } });
  bad({ ...good, args: { ...good.args, stage: 'x' } });
  bad({ ...good, extra: 1 });
  bad({ type: 'subscribe', id: 1, clinic: CLINIC, topics: [] });
  bad({ type: 'subscribe', id: 1, clinic: CLINIC, topics: ['users'] });
  bad({ type: 'subscribe', id: 1, clinic: CLINIC, topics: ['task_queue'], where: { priority: 'high' } });
  bad({ type: 'ack', re: 1, key: 'k', ok: true, duplicate: false, cursor: { epoch: 'e', seq: 1 }, result: {}, error: {} }, 'serverFrame');
  bad({ type: 'delta', stream: 's1', prev: 1, seq: 2, commits: [{ seq: 2, at: 1, changes: [{ table: 'task_queue', op: 'put', row: { id: CLINIC, version: 1, colour: 'red' } }] }] }, 'serverFrame');
});

test('what the client library sends is what the schema says', async () => {
  const { world, client, socket } = await liveClient();
  const uuid = CLINIC;
  client.subscribe({ clinic: CLINIC, topics: ['customers'], where: { customer_id: [uuid], status: ['lead', 'active'] } });
  client.subscribe({ clinic: CLINIC, topics: ['task_queue'], where: { assigned_to: null } }).close();
  client.command('startTreatment', { workflowId: uuid, consent: {} }, { clinic: CLINIC, lane: '1', expect: { [`workflow_states/${uuid}`]: 3 } });
  client.command('initialize', { customer: { name: 'แพรว', phone: '0812345678', source: 'walk_in' } }, { clinic: CLINIC, lane: '2', reason: 'asked to' });
  client.command('confirmPayment', { workflowId: uuid, amountSt: 500_000, paymentMethod: 'PROMPTPAY', treatmentId: uuid, scheduledTime: 1 }, { clinic: CLINIC, lane: '3' });
  client.query('myTasks', { status: 'completed', pool: false, limit: 40 }, { clinic: CLINIC }).catch(() => {});
  await world.settle();
  socket.say({ type: 'auth_due', at: 1 });
  socket.say({ type: 'ping', n: 1, heads: {} });
  socket.say(delta('s1', 99, commit(100, put({ id: uuid, version: 1 }))));
  client.doubt();
  await world.settle();
  const sent = [...socket.sent];
  socket.end(1006);
  await world.advance(500);
  sent.push(...(await greet(world)).socket.sent);
  for (const frame of sent) assert.deepEqual(validate(schema, '#/$defs/clientFrame', frame), [], JSON.stringify(frame));
  const types = new Set(sent.map((frame) => frame.type));
  assert.deepEqual(['hello', 'subscribe', 'command', 'query', 'auth', 'ping', 'pong'].filter((type) => !types.has(type)), []);
});
