// The trace event format of Chrome, which Perfetto opens ("Trace Event Format", Google, 2016): JSON with complete events (X), instants (i) and
// names (M). Three groups of tracks: what each CPU ran, when each thread had a CPU, and its syscalls.
import type { EventSink, MachineEvent } from './events.ts';

/** Groups are "processes" of the format. */
const group = { cpus: 1, threads: 2, syscalls: 3, network: 4, marks: 5 } as const;

/** Colours by view, from the format's reserved names: the first for the base view. */
const viewColours = ['thread_state_running', 'yellow', 'cq_build_failed', 'olive', 'rail_response', 'rail_animation'];

interface TraceEvent {
  readonly ph: 'X' | 'i' | 'M';
  readonly name: string;
  readonly pid: number;
  readonly tid: number;
  /** Microseconds. */
  readonly ts?: number;
  readonly dur?: number;
  readonly cat?: string;
  readonly cname?: string;
  readonly s?: 't' | 'g';
  readonly args?: object;
}

export interface ChromeTraceOptions {
  /** Events kept; when there are more, the oldest go. Default 500,000 (about 60 MB of JSON). */
  readonly limit?: number;
  /** Names of views, shown as categories: index is the view's id. */
  readonly viewNames?: readonly string[];
}

/** Collects a trace for Perfetto in memory; {@link ChromeTrace.chunks} writes it. */
export class ChromeTrace implements EventSink {
  readonly #limit: number;
  readonly #viewNames: readonly string[];
  readonly #ring: TraceEvent[] = [];
  #next = 0;
  /** Events that the limit pushed out. */
  dropped = 0;
  readonly #threadNames = new Map<number, string>();
  readonly #cpus = new Set<number>();
  readonly #openSyscalls = new Map<number, { time: number; args: readonly number[] }>();
  readonly #connections = new Set<number>();
  #hasMarks = false;

  constructor(options: ChromeTraceOptions = {}) {
    this.#limit = options.limit ?? 500_000;
    this.#viewNames = options.viewNames ?? [];
  }

  accept(event: MachineEvent): void {
    switch (event.type) {
      case 'thread:start':
        this.#threadNames.set(event.tid, event.name);
        break;
      case 'schedule':
        this.#schedule(event);
        break;
      case 'syscall:enter':
        this.#openSyscalls.set(event.tid, { time: event.time, args: event.args });
        break;
      case 'syscall:exit':
        this.#syscall(event);
        break;
      case 'syscall:unimplemented':
        this.#instant(event.tid, event.time, `${event.name}: not implemented`, 'syscall');
        break;
      case 'page-fault':
        this.#instant(event.tid, event.time, `page fault (${event.kind})`, 'memory', { va: hex(event.va) });
        break;
      case 'signal':
        this.#instant(event.tid, event.time, `signal ${event.signo}`, 'signal', { handler: hex(event.handler) });
        break;
      case 'thread:move':
        this.#instant(event.tid, event.time, `from ${event.fromKind} to ${event.toKind}`, 'scheduler', {
          cpu: event.cpu,
        });
        break;
      case 'illegal-instruction':
        this.#instant(
          event.tid,
          event.time,
          `${event.instruction}: ${event.kind} lacks ${event.feature ?? 'it'}`,
          'cpu',
          {
            pc: hex(event.pc),
            variant: event.variant ?? this.#viewName(event.view),
          },
        );
        break;
      case 'asan:report':
        this.#instant(event.tid, event.time, event.kind, 'asan', {
          address: hex(event.address),
          pc: hex(event.pc),
          variant: event.variant,
        });
        break;
      case 'futex:wait':
      case 'futex:wake':
        this.#instant(event.tid, event.time, event.type, 'futex', { address: hex(event.address) });
        break;
      case 'view:create':
      case 'view:delete':
        this.#instant(event.tid, event.time, `${event.type} ${this.#viewName(event.view)}`, 'view');
        break;
      case 'view:switch':
        this.#instant(event.tid, event.time, `to ${this.#viewName(event.to)}`, 'view', {
          from: this.#viewName(event.from),
        });
        break;
      case 'net:connect':
      case 'net:data':
      case 'net:close':
        this.#network(event);
        break;
      case 'mark':
        this.#hasMarks = true;
        this.#add({ ph: 'i', s: 'g', name: event.name, pid: group.marks, tid: 1, ts: event.time / 1000, cat: 'mark' });
        break;
    }
  }

  #viewName(view: number): string {
    return this.#viewNames[view] ?? `view ${view}`;
  }

  #threadName(tid: number): string {
    return this.#threadNames.get(tid) ?? `thread ${tid}`;
  }

  #add(event: TraceEvent): void {
    if (this.#ring.length < this.#limit) {
      this.#ring.push(event);
      return;
    }
    this.#ring[this.#next] = event;
    this.#next = (this.#next + 1) % this.#limit;
    this.dropped++;
  }

  #schedule(event: Extract<MachineEvent, { type: 'schedule' }>): void {
    this.#cpus.add(event.cpu);
    if (!this.#threadNames.has(event.tid)) this.#threadNames.set(event.tid, `thread ${event.tid}`);
    const common = {
      ph: 'X',
      ts: event.from / 1000,
      dur: (event.to - event.from) / 1000,
      cat: this.#viewName(event.view),
      cname: viewColours[event.view % viewColours.length]!,
    } as const;
    this.#add({
      ...common,
      name: this.#threadName(event.tid),
      pid: group.cpus,
      tid: event.cpu,
      args: { tid: event.tid },
    });
    this.#add({
      ...common,
      name: this.#viewName(event.view),
      pid: group.threads,
      tid: event.tid,
      args: { cpu: event.cpu },
    });
  }

  #syscall(event: Extract<MachineEvent, { type: 'syscall:exit' }>): void {
    const open = this.#openSyscalls.get(event.tid);
    this.#openSyscalls.delete(event.tid);
    const start = open?.time ?? event.time;
    this.#add({
      ph: 'X',
      name: event.name,
      pid: group.syscalls,
      tid: event.tid,
      ts: start / 1000,
      dur: (event.time - start) / 1000,
      cat: 'syscall',
      args: { args: open?.args.map(hex), result: event.result },
    });
  }

  #instant(tid: number, time: number, name: string, cat: string, args?: object): void {
    if (!this.#threadNames.has(tid)) this.#threadNames.set(tid, `thread ${tid}`);
    const event: TraceEvent = { ph: 'i', s: 't', name, pid: group.threads, tid, ts: time / 1000, cat };
    this.#add(args === undefined ? event : { ...event, args });
  }

  #network(event: Extract<MachineEvent, { type: 'net:connect' | 'net:data' | 'net:close' }>): void {
    this.#connections.add(event.connection);
    const name =
      event.type === 'net:data'
        ? `${event.bytes} bytes ${event.toGuest ? 'to' : 'from'} the guest`
        : event.type === 'net:connect'
          ? `connect ${event.to}`
          : 'close';
    this.#add({
      ph: 'i',
      s: 't',
      name,
      pid: group.network,
      tid: event.connection,
      ts: event.time / 1000,
      cat: 'network',
    });
  }

  *#names(): Generator<TraceEvent> {
    const groupName = (pid: number, name: string): TraceEvent => ({
      ph: 'M',
      name: 'process_name',
      pid,
      tid: 0,
      args: { name },
    });
    const trackName = (pid: number, tid: number, name: string): TraceEvent => ({
      ph: 'M',
      name: 'thread_name',
      pid,
      tid,
      args: { name },
    });
    yield groupName(group.cpus, 'CPUs');
    for (const cpu of [...this.#cpus].sort((a, b) => a - b)) yield trackName(group.cpus, cpu, `CPU ${cpu}`);
    yield groupName(group.threads, 'threads');
    yield groupName(group.syscalls, 'syscalls');
    for (const tid of [...this.#threadNames.keys()].sort((a, b) => a - b)) {
      yield trackName(group.threads, tid, this.#threadName(tid));
      yield trackName(group.syscalls, tid, this.#threadName(tid));
    }
    if (this.#connections.size > 0) yield groupName(group.network, 'network');
    for (const id of [...this.#connections].sort((a, b) => a - b))
      yield trackName(group.network, id, `connection ${id}`);
    if (this.#hasMarks) yield groupName(group.marks, 'marks');
  }

  *#events(): Generator<TraceEvent> {
    yield* this.#names();
    for (let i = 0; i < this.#ring.length; i++) yield this.#ring[(this.#next + i) % this.#ring.length]!;
  }

  /** The trace file in pieces, to be written one after the other. */
  *chunks(): Generator<string> {
    let piece = '{"displayTimeUnit":"ns","traceEvents":[\n';
    let first = true;
    for (const event of this.#events()) {
      piece += `${first ? '' : ',\n'}${JSON.stringify(event)}`;
      first = false;
      if (piece.length > 1 << 16) {
        yield piece;
        piece = '';
      }
    }
    yield `${piece}\n],"otherData":{"droppedEvents":"${this.dropped}"}}\n`;
  }

  /** The whole trace file. */
  toString(): string {
    return [...this.chunks()].join('');
  }
}

const hex = (value: number): string =>
  `0x${(value < 0 ? BigInt.asUintN(64, BigInt(Math.trunc(value))) : BigInt(Math.trunc(value))).toString(16)}`;
