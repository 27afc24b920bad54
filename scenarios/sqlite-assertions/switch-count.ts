import type { EventSink, MachineEvent } from '../../emulator/events/events.ts';

/** Counts how often threads change their views. */
export class SwitchCount implements EventSink {
  switches = 0;

  accept(event: MachineEvent): void {
    if (event.type === 'view:switch') this.switches++;
  }
}
