/** Types of the Aura client. The code is plain JavaScript; nothing here has to be compiled. */

export type Id = string;

/** A row as the hub sends it: columns by their names in the schema; times in Unix ms, money in satang. */
export interface Row {
  readonly id: Id;
  readonly version: number;
  readonly [column: string]: any;
}

export type Topic =
  | 'task_queue' | 'workflow_states' | 'workflow_events' | 'workflow_actions' | 'customers' | 'notifications'
  | 'loyalty_profiles' | 'point_transactions' | 'customer_coupons' | 'loyalty_redemptions' | 'followup_executions'
  | 'pos_transactions' | 'clinic_staff' | 'presence';

export type Value = string | null;

/** A value, or any of several. `me` is the caller's membership, `null` is "nobody". */
export type Where = Partial<Record<'assigned_to' | 'workflow_id' | 'customer_id' | 'current_stage' | 'status', Value | Value[]>>;

export interface Wish {
  clinic: Id;
  topics: Topic[];
  where?: Where;
}

export interface Cause {
  command: string;
  key: string;
  by: Id;
}

export type RowChange =
  | { table: Topic; op: 'put'; row: Row }
  | { table: Topic; op: 'remove'; id: Id; version: number };

export interface Commit {
  seq: number;
  at: number;
  cause?: Cause;
  changes: RowChange[];
}

/** `reset`: a snapshot has taken the place of everything. Otherwise `commits` are what was applied, whole. */
export interface Change {
  reset: boolean;
  commits: Commit[];
  tables: Set<Topic>;
}

export interface Cursor {
  epoch: string;
  seq: number;
  scope: string;
}

export class Emitter<Events> {
  /** Returns a function that takes the handler away again. */
  on<Name extends keyof Events>(name: Name, handler: (value: Events[Name]) => void): () => void;
}

export class View extends Emitter<{ change: Change }> {
  readonly size: number;
  table(name: Topic): ReadonlyMap<Id, Row>;
  rows(name: Topic): Row[];
  get(name: Topic, id: Id): Row | undefined;
}

export interface Person {
  id: Id;
  staff: Id;
  role: string;
  name: string;
  duty: 'on' | 'break' | 'off';
  devices: number;
}

export class PresenceList extends Emitter<{ change: { op: 'all' | 'enter' | 'update' | 'leave'; users: Person[] } }> {
  readonly users: Person[];
  get(user: Id): Person | undefined;
}

export class Subscription extends Emitter<{
  change: Change;
  live: { reason: string | null };
  presence: { op: string; users: Person[] };
  refused: AuraError;
  ended: { code: string };
}> {
  readonly state: 'waiting' | 'snapshot' | 'live' | 'refused' | 'ended';
  readonly cursor: Cursor | null;
  readonly view: View;
  readonly presence: PresenceList;
  rows(table: Topic): Row[];
  get(table: Topic, id: Id): Row | undefined;
  /** Ends this handle. The stream ends with its last handle. */
  close(): void;
}

export interface Status {
  state: 'connecting' | 'live' | 'reconnecting' | 'stale' | 'stopped';
  /** When the hub was last heard, Unix ms; null while live. */
  since: number | null;
  /** Why it stopped: a close code, an error code, or `closed`. */
  code: number | string | null;
}

export interface PendingCommand {
  key: string;
  clinic: Id;
  name: string;
  args: any;
  at: number;
  state: 'storing' | 'queued' | 'sent' | 'retrying';
}

export interface Outcome {
  entry: { key: string; clinic: Id; name: string; args: any; at: number };
  ok: boolean;
  duplicate: boolean;
  result?: any;
  error?: AuraError;
}

export class CommandQueue extends Emitter<{ change: PendingCommand[]; outcome: Outcome }> {
  readonly pending: PendingCommand[];
}

export interface QueueStore {
  all(): any[] | Promise<any[]>;
  add(entry: any): void | Promise<void>;
  remove(key: string): void | Promise<void>;
}

export class MemoryQueueStore implements QueueStore {
  all(): any[];
  add(entry: any): void;
  remove(key: string): void;
}

export class WebQueueStore implements QueueStore {
  constructor(options: { storage: Storage; prefix?: string });
  all(): any[];
  add(entry: any): void;
  remove(key: string): void;
}

/** What the library takes from outside; tests hand in their own. */
export interface World {
  WebSocket: typeof WebSocket;
  fetch: typeof fetch;
  now(): number;
  random(): number;
  fillRandom(bytes: Uint8Array): void;
  setTimeout(work: () => void, ms: number): any;
  clearTimeout(timer: any): void;
}

export interface TokenSource {
  /** `fresh`: the one given before is no longer good. Throw an AuraError with `temporary` when it may work later. */
  token(options?: { fresh?: boolean }): Promise<string>;
}

export interface Membership {
  clinic: Id;
  role: 'clinic_owner' | 'clinic_admin' | 'clinic_staff' | 'sales_staff' | 'customer';
  staff?: Id;
  customer?: Id;
}

export interface User {
  id: Id;
  name: string;
  memberships: Membership[];
  email?: string;
  locale?: 'th' | 'en';
}

export interface Welcome {
  type: 'welcome';
  re: number;
  user: User;
  expires_at: number;
  ping_ms: number;
  limits: { frame_bytes: number; in_flight: number; commands_per_second: number };
  server: { version: string };
}

export interface CommandOptions {
  clinic: Id;
  /** Row versions that must still hold: `{"workflow_states/<id>": 7}`. */
  expect?: Record<string, number>;
  /** Why, for a super admin in somebody else's clinic. */
  reason?: string;
  /** Commands of one lane wait for each other; without it a clinic is one lane. */
  lane?: string;
  /** Made here when not given. A key that is pending already is the same command: its promise is returned. */
  key?: string;
}

export class AuraClient extends Emitter<{ status: Status; welcome: Welcome; error: AuraError }> {
  constructor(options: {
    session: TokenSource;
    url?: string;
    app?: { app: string; version: string };
    queueStore?: QueueStore;
    staleAfterMs?: number;
    queryTimeoutMs?: number;
    world?: Partial<World>;
  });
  readonly status: Status;
  readonly commands: CommandQueue;
  readonly user: User | null;
  /** The hub's time, Unix ms. */
  now(): number;
  connect(): void;
  close(): void;
  subscribe(wish: Wish): Subscription;
  command(name: string, args: object, options: CommandOptions): Promise<any>;
  /** A key for a command that is still to be given. */
  newKey(): string;
  query(name: string, args: object, options: { clinic: Id }): Promise<any>;
  /** The network is back, or the screen was woken. */
  wake(): void;
  /** The system says that the network is gone. */
  doubt(): void;
}

export class HttpSession extends Emitter<{ ended: AuraError }> implements TokenSource {
  constructor(options?: { base?: string; world?: Partial<World>; locks?: LockManager | null });
  readonly user: User | null;
  signIn(email: string, password: string): Promise<User>;
  signOut(): Promise<void>;
  refresh(): Promise<User>;
  token(options?: { fresh?: boolean }): Promise<string>;
}

export function fixedToken(token: string): TokenSource;

export class AuraError extends Error {
  code: string;
  temporary: boolean;
  details: Record<string, any>;
  retryMs?: number;
  status?: number;
}

export type AfterClose = 'stop' | 'later' | 'refresh' | 'now';
export const CLOSE_CODES: Readonly<Record<number, { name: string; then: AfterClose }>>;
export function afterClose(code: number): AfterClose;
export function followBrowser(client: AuraClient, page?: Window): () => void;
export function uuidv7(world: Pick<World, 'now' | 'fillRandom'>): string;
