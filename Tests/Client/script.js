// What the tests of the client say again and again.
import { AuraClient, fixedToken } from '../../public/client/index.js';
import { FakeWorld } from './fake-world.js';

export const CLINIC = '01990c00-0000-7000-8000-0000000000c1';
export const USER = { id: '01990c00-0000-7000-8000-0000000000a1', name: 'Ploy', memberships: [] };

export const welcome = (re, more = {}) => ({
  type: 'welcome', re, user: USER, expires_at: 0, ping_ms: 20_000,
  limits: { frame_bytes: 65_536, in_flight: 32, commands_per_second: 20 }, server: { version: 'test' }, ...more,
});

export const task = (id, version, more = {}) => ({ id, version, status: 'pending', ...more });
export const put = (row, table = 'task_queue') => ({ table, op: 'put', row });
export const remove = (id, version, table = 'task_queue') => ({ table, op: 'remove', id, version });
export const commit = (seq, ...changes) => ({ seq, at: 1_770_001_200_000 + seq, changes });
export const delta = (stream, prev, ...commits) => ({ type: 'delta', stream, prev, seq: commits.at(-1).seq, commits });

/** A client in a fake world, with the hub's answers to hello at hand. */
export function makeClient({ seed = 1, session = fixedToken('T'), ...options } = {}) {
  const world = new FakeWorld(seed);
  const client = new AuraClient({ session, url: 'ws://hub/ws', world, ...options });
  return { world, client };
}

/** Opens the newest socket and answers its hello with a welcome. */
export async function greet(world, more) {
  await world.settle();
  const { socket } = world;
  socket.open();
  const hello = socket.last('hello');
  socket.say(welcome(hello.id, more));
  await world.settle();
  return { socket, hello };
}

/** Answers one wish with a whole snapshot. */
export function serve(socket, { re, index, stream = 's1', seq = 10, rows = [], reason = 'first', epoch = 'e1' }) {
  socket.say({ type: 'subscribed', re, index, stream, mode: 'snapshot', reason, cursor: { epoch, seq, scope: 'x' }, oldest: 1 });
  socket.say({ type: 'snapshot', stream, seq, part: 0, last: true, rows: { task_queue: rows } });
}

/** A client that is live on the tasks of a clinic, at seq 10, with the rows given. */
export async function liveClient(options = {}, rows = [task('t1', 1)]) {
  const { world, client } = makeClient(options);
  const tasks = client.subscribe({ clinic: CLINIC, topics: ['task_queue'], where: { assigned_to: 'me' } });
  client.connect();
  const { socket, hello } = await greet(world);
  serve(socket, { re: hello.id, index: 0, rows });
  await world.settle();
  return { world, client, tasks, socket, hello };
}
