import assert from 'node:assert/strict';
import fc from 'fast-check';
import { EpollFile, EpollFlag } from './epoll.ts';
import { EventFile } from './eventfd.ts';
import { PollEvent } from './poll-events.ts';

const eight = new Uint8Array(8);
const one = Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0);
const FILES = 4;

type Trigger = 'level' | 'edge' | 'oneshot';
const flags: Record<Trigger, number> = { level: 0, edge: EpollFlag.ET, oneshot: EpollFlag.ONESHOT };

/** What epoll(7) promises, said plainly: per interest, whether it would be reported now. */
class Model {
  readonly counts = new Array<number>(FILES).fill(0);
  readonly interests = new Map<number, { trigger: Trigger; disabled: boolean; pending: boolean }>();

  touched(file: number): void {
    const interest = this.interests.get(file);
    if (interest !== undefined && !interest.disabled) interest.pending = true;
  }

  wait(): number[] {
    const reported: number[] = [];
    for (const [file, interest] of this.interests) {
      if (interest.disabled || this.counts[file] === 0) {
        if (interest.trigger === 'edge') interest.pending = false;
        continue;
      }
      if (interest.trigger === 'edge' && !interest.pending) continue;
      interest.pending = false;
      if (interest.trigger === 'oneshot') interest.disabled = true;
      reported.push(file);
    }
    return reported.sort();
  }
}

const file = fc.nat(FILES - 1);
const step = fc.oneof(
  fc.record({ kind: fc.constantFrom('write' as const, 'read' as const, 'remove' as const), file }),
  fc.record({
    kind: fc.constant('set' as const),
    file,
    trigger: fc.constantFrom<Trigger>('level', 'edge', 'oneshot'),
  }),
  fc.record({ kind: fc.constant('wait' as const) }),
);

describe('epoll', () => {
  it('reports what a plain model says, level, edge and one shot', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const epoll = new EpollFile();
        const files = Array.from({ length: FILES }, () => new EventFile(0).retain());
        const model = new Model();
        for (const action of steps) {
          switch (action.kind) {
            case 'write':
              files[action.file]!.write(one, 0);
              model.counts[action.file]!++;
              model.touched(action.file);
              break;
            case 'read':
              files[action.file]!.read(eight, 0);
              model.counts[action.file] = 0;
              break;
            case 'remove':
              epoll.remove(action.file, files[action.file]!);
              model.interests.delete(action.file);
              break;
            case 'set': {
              const interest = { events: PollEvent.IN | flags[action.trigger], dataLow: action.file, dataHigh: 0 };
              const known = model.interests.has(action.file);
              const call = known ? 'modify' : 'add';
              assert.equal(epoll[call](action.file, files[action.file]!, interest, 0), 0);
              const before = model.interests.get(action.file);
              // A change looks at the file at once; an event not yet reported stays on the list.
              const pending = model.counts[action.file]! > 0 || (before?.pending ?? false);
              model.interests.set(action.file, { trigger: action.trigger, disabled: false, pending });
              break;
            }
            case 'wait': {
              const reported = epoll.collect(16, 0).map(({ dataLow }) => dataLow);
              assert.deepEqual(reported.sort(), model.wait());
            }
          }
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('looks at ready files only, however many it watches', () => {
    const epoll = new EpollFile();
    let polls = 0;
    class Counting extends EventFile {
      override poll(): number {
        polls++;
        return super.poll();
      }
    }
    const files = Array.from({ length: 500 }, () => new Counting(0).retain());
    files.forEach((each, fd) => void epoll.add(fd, each, { events: PollEvent.IN, dataLow: fd, dataHigh: 0 }, 0));
    polls = 0;
    files[123]!.write(one, 0);
    assert.deepEqual(
      epoll.collect(10, 0).map(({ dataLow }) => dataLow),
      [123],
    );
    assert.equal(polls, 1);
  });

  it('gives every level-triggered file its turn', () => {
    const epoll = new EpollFile();
    for (let fd = 0; fd < 5; fd++) {
      epoll.add(fd, new EventFile(1).retain(), { events: PollEvent.IN, dataLow: fd, dataHigh: 0 }, 0);
    }
    const seen = Array.from({ length: 10 }, () => epoll.collect(1, 0)[0]!.dataLow);
    assert.deepEqual(seen, [0, 1, 2, 3, 4, 0, 1, 2, 3, 4]);
  });

  it('forgets a file that was closed, and refuses a ring', () => {
    const epoll = new EpollFile().retain();
    const event = new EventFile(1).retain();
    epoll.add(3, event, { events: PollEvent.IN, dataLow: 1, dataHigh: 0 }, 0);
    event.release(0);
    assert.deepEqual(epoll.collect(4, 0), []);
    const outer = new EpollFile().retain();
    assert.equal(outer.add(4, epoll, { events: PollEvent.IN, dataLow: 0, dataHigh: 0 }, 0), 0);
    assert.equal(epoll.add(5, outer, { events: PollEvent.IN, dataLow: 0, dataHigh: 0 }, 0), -40);
  });
});
