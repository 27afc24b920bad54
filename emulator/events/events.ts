// Everything that can be observed of a run. Traces, statistics, the report and the web page learn of it only from here. An event is
// emitted after what it tells of has happened. Times are virtual nanoseconds.

/** Something a thread did, on the CPU where it ran. */
interface OfThread {
  readonly time: number;
  readonly tid: number;
  readonly cpu: number;
}

export type MachineEvent =
  | { readonly type: 'process:start'; readonly time: number; readonly pid: number; readonly name: string }
  /** A process came from another one. */
  | { readonly type: 'process:fork'; readonly time: number; readonly pid: number; readonly parent: number }
  /** A process goes on with another program. */
  | { readonly type: 'process:exec'; readonly time: number; readonly pid: number; readonly name: string }
  | {
      readonly type: 'process:exit';
      readonly time: number;
      readonly pid: number;
      readonly code?: number | undefined;
      readonly signal?: number | undefined;
    }
  | ({ readonly type: 'thread:start'; readonly pid: number; readonly name: string; readonly view: number } & OfThread)
  | ({ readonly type: 'thread:exit'; readonly code: number } & OfThread)
  /** The thread had the CPU from `from` to `to`, and was last in `view`. */
  | ({ readonly type: 'schedule'; readonly from: number; readonly to: number; readonly view: number } & OfThread)
  | ({
      readonly type: 'syscall:enter';
      readonly number: number;
      readonly name: string;
      readonly args: readonly number[];
    } & OfThread)
  | ({
      readonly type: 'syscall:exit';
      readonly number: number;
      readonly name: string;
      readonly result: number;
    } & OfThread)
  | ({ readonly type: 'syscall:unimplemented'; readonly name: string } & OfThread)
  | ({
      readonly type: 'page-fault';
      readonly va: number;
      readonly access: number;
      readonly kind: PageFaultKind;
    } & OfThread)
  | ({ readonly type: 'signal'; readonly signo: number; readonly handler: number } & OfThread)
  /** The thread came to a CPU of another kind. */
  | ({ readonly type: 'thread:move'; readonly fromKind: string; readonly toKind: string } & OfThread)
  /** The CPU lacks the instruction, or nobody has it (`feature` absent). Before SIGILL, or before a policy mends it. */
  | ({
      readonly type: 'illegal-instruction';
      readonly pc: number;
      readonly instruction: string;
      readonly feature: string | undefined;
      readonly kind: string;
      readonly view: number;
      readonly variant: string | undefined;
    } & OfThread)
  | ({ readonly type: 'futex:wait'; readonly address: number } & OfThread)
  | ({ readonly type: 'futex:wake'; readonly address: number; readonly woken: number } & OfThread)
  | {
      readonly type: 'view:create';
      readonly time: number;
      readonly tid: number;
      readonly view: number;
      readonly from: number;
    }
  | { readonly type: 'view:delete'; readonly time: number; readonly tid: number; readonly view: number }
  | {
      readonly type: 'view:switch';
      readonly time: number;
      readonly tid: number;
      readonly from: number;
      readonly to: number;
    }
  | { readonly type: 'tlb:flush'; readonly time: number; readonly tid: number }
  | { readonly type: 'net:connect'; readonly time: number; readonly connection: number; readonly to: string }
  | {
      readonly type: 'net:data';
      readonly time: number;
      readonly connection: number;
      readonly toGuest: boolean;
      readonly bytes: number;
    }
  | { readonly type: 'net:close'; readonly time: number; readonly connection: number }
  /** The AddressSanitizer runtime of a guest found an error (overlay/asan). `pc` is the innermost return address. */
  | ({
      readonly type: 'asan:report';
      readonly kind: string;
      readonly access: string;
      readonly address: number;
      readonly bytes: number;
      readonly pc: number;
      readonly variant: string;
    } & OfThread)
  /** Set by a scenario: "warm-up over", "request 17". */
  | { readonly type: 'mark'; readonly time: number; readonly name: string };

/** How a page fault was served: `refused` ends as SIGSEGV or SIGBUS. */
export type PageFaultKind = 'minor' | 'zero' | 'file' | 'cow' | 'refused';

export type MachineEventType = MachineEvent['type'];

/** What listens to events. */
export interface EventSink {
  accept(event: MachineEvent): void;
}

type FieldsOf<Type extends MachineEventType> = readonly Exclude<
  keyof Extract<MachineEvent, { type: Type }>,
  'type' | 'time'
>[];

/** The fields of each type besides its type and time, in the order of the trace hash. */
export const eventFields: { readonly [Type in MachineEventType]: FieldsOf<Type> } = {
  'process:start': ['pid', 'name'],
  'process:exit': ['pid', 'code', 'signal'],
  'thread:start': ['tid', 'cpu', 'pid', 'name', 'view'],
  'thread:exit': ['tid', 'cpu', 'code'],
  schedule: ['tid', 'cpu', 'from', 'to', 'view'],
  'syscall:enter': ['tid', 'cpu', 'number', 'name', 'args'],
  'syscall:exit': ['tid', 'cpu', 'number', 'name', 'result'],
  'syscall:unimplemented': ['tid', 'cpu', 'name'],
  'page-fault': ['tid', 'cpu', 'va', 'access', 'kind'],
  signal: ['tid', 'cpu', 'signo', 'handler'],
  'thread:move': ['tid', 'cpu', 'fromKind', 'toKind'],
  'illegal-instruction': ['tid', 'cpu', 'pc', 'instruction', 'feature', 'kind', 'view', 'variant'],
  'futex:wait': ['tid', 'cpu', 'address'],
  'futex:wake': ['tid', 'cpu', 'address', 'woken'],
  'view:create': ['tid', 'view', 'from'],
  'view:delete': ['tid', 'view'],
  'view:switch': ['tid', 'from', 'to'],
  'tlb:flush': ['tid'],
  'net:connect': ['connection', 'to'],
  'net:data': ['connection', 'toGuest', 'bytes'],
  'net:close': ['connection'],
  mark: ['name'],
  'process:fork': ['pid', 'parent'],
  'process:exec': ['pid', 'name'],
  'asan:report': ['tid', 'cpu', 'kind', 'access', 'address', 'bytes', 'pc', 'variant'],
};

/**
 * Where the machine's parts put their events. Whoever emits asks {@link EventBus.enabled} first, so that a run without sinks does not even
 * build the event: `if (bus.enabled) bus.emit({ ... })`.
 */
export class EventBus {
  #sinks: readonly EventSink[] = [];
  #enabled = false;

  constructor(sinks: readonly EventSink[] = []) {
    for (const sink of sinks) this.attach(sink);
  }

  get enabled(): boolean {
    return this.#enabled;
  }

  emit(event: MachineEvent): void {
    for (const sink of this.#sinks) sink.accept(event);
  }

  /** Adds a sink; the returned function removes it. */
  attach(sink: EventSink): () => void {
    this.#sinks = [...this.#sinks, sink];
    this.#enabled = true;
    return () => {
      this.#sinks = this.#sinks.filter((other) => other !== sink);
      this.#enabled = this.#sinks.length > 0;
    };
  }
}
