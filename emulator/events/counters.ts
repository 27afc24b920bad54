import type { EventSink, MachineEvent, MachineEventType, PageFaultKind } from './events.ts';

/** Counts events: the numbers of the report. */
export class EventCounters implements EventSink {
  readonly byType = new Map<MachineEventType, number>();
  /** Calls by name. */
  readonly syscalls = new Map<string, number>();
  /** Calls that nobody implements, by name. */
  readonly unimplemented = new Map<string, number>();
  readonly pageFaults = new Map<PageFaultKind, number>();
  /** Signals by number. */
  readonly signals = new Map<number, number>();
  /** Virtual ns that threads had a CPU, by the view they were in. */
  readonly timeInView = new Map<number, number>();
  /** Bytes that came from clients and went to them. */
  bytesToGuest = 0;
  bytesFromGuest = 0;

  /** Events of `type` so far. */
  count(type: MachineEventType): number {
    return this.byType.get(type) ?? 0;
  }

  accept(event: MachineEvent): void {
    add(this.byType, event.type, 1);
    switch (event.type) {
      case 'syscall:enter':
        add(this.syscalls, event.name, 1);
        break;
      case 'syscall:unimplemented':
        add(this.unimplemented, event.name, 1);
        break;
      case 'page-fault':
        add(this.pageFaults, event.kind, 1);
        break;
      case 'signal':
        add(this.signals, event.signo, 1);
        break;
      case 'schedule':
        add(this.timeInView, event.view, event.to - event.from);
        break;
      case 'net:data':
        if (event.toGuest) this.bytesToGuest += event.bytes;
        else this.bytesFromGuest += event.bytes;
        break;
    }
  }

  /** As plain objects, for a report. */
  toJSON(): object {
    return {
      events: Object.fromEntries(this.byType),
      syscalls: Object.fromEntries(this.syscalls),
      unimplemented: Object.fromEntries(this.unimplemented),
      pageFaults: Object.fromEntries(this.pageFaults),
      signals: Object.fromEntries(this.signals),
      timeInView: Object.fromEntries(this.timeInView),
      bytesToGuest: this.bytesToGuest,
      bytesFromGuest: this.bytesFromGuest,
    };
  }
}

function add<Key>(counts: Map<Key, number>, key: Key, amount: number): void {
  counts.set(key, (counts.get(key) ?? 0) + amount);
}
