import type { EventSink, MachineEvent } from '../../emulator/events/events.ts';
import type { DoneJob, Refusal, Segment } from './run-record.ts';
import type { Variant } from './variants.ts';

interface Slice {
  readonly tid: number;
  readonly cpu: number;
  readonly from: number;
  readonly to: number;
}

/** The events that the report is about. */
export class PoolObserver implements EventSink {
  readonly refusals: Refusal[] = [];
  readonly #slices: Slice[] = [];
  /** View changes of each thread, in the order of time. */
  readonly #views = new Map<number, { time: number; view: number }[]>();
  /** When each thread was last taken from a CPU. */
  readonly #left = new Map<number, number>();
  /** Whose move was the last event. */
  #moved: number | undefined;
  switches = 0;
  views = 0;
  moves = 0;
  syscalls = 0;
  pageFaults = 0;

  accept(event: MachineEvent): void {
    const moved = this.#moved;
    this.#moved = undefined;
    switch (event.type) {
      case 'syscall:enter':
        this.syscalls++;
        break;
      case 'page-fault':
        this.pageFaults++;
        break;
      case 'thread:move':
        this.moves++;
        this.#moved = event.tid;
        break;
      case 'view:create':
        this.views++;
        break;
      case 'thread:start':
        this.#views.set(event.tid, [{ time: Number.NEGATIVE_INFINITY, view: event.view }]);
        break;
      case 'view:switch':
        this.switches++;
        // Changed as the thread comes to its CPU: nothing of it ran there before, though the slice began with the context switch.
        this.#views.get(event.tid)?.push({
          time: moved === event.tid ? (this.#left.get(event.tid) ?? event.time) : event.time,
          view: event.to,
        });
        break;
      case 'schedule':
        this.#left.set(event.tid, event.to);
        this.#slices.push({ tid: event.tid, cpu: event.cpu, from: event.from, to: event.to });
        break;
      case 'illegal-instruction': {
        const { kind, cpu, pc, instruction, feature, variant, time } = event;
        this.refusals.push({ kind, cpu, pc, instruction, feature, variant, time });
        break;
      }
    }
  }

  /** Where each job was when: its worker's times on CPUs, cut where the worker changed its view. */
  segments(jobs: readonly DoneJob[], variantOf: (view: number) => Variant): Segment[] {
    return jobs.flatMap(({ job, tid, start, end }) => {
      const changes = this.#views.get(tid) ?? [];
      const slices = this.#slices.filter((slice) => slice.tid === tid && slice.from < end && slice.to > start);
      return slices.flatMap(({ cpu, from, to }) => {
        const [first, last] = [Math.max(from, start), Math.min(to, end)];
        const cuts = [first, ...changes.map(({ time }) => time).filter((time) => time > first && time < last), last];
        return cuts.slice(0, -1).map((at, index): Segment => {
          const view = changes.findLast(({ time }) => time <= at)?.view ?? 0;
          return { job, cpu, from: at, to: cuts[index + 1]!, variant: variantOf(view) };
        });
      });
    });
  }
}
