import type { EventSink, MachineEvent } from '../../emulator/events/events.ts';
import type { TimelineSlice } from './run-record.ts';

/** When threads had a CPU, while it is attached. */
export class TimelineSink implements EventSink {
  readonly slices: TimelineSlice[] = [];

  accept(event: MachineEvent): void {
    if (event.type !== 'schedule') return;
    const { tid, cpu, from, to, view } = event;
    this.slices.push({ tid, cpu, from, to, view });
  }
}
