import assert from 'node:assert/strict';
import fc from 'fast-check';
import { ChromeTrace } from './chrome-trace.ts';
import { EventCounters } from './counters.ts';
import { EventBus, eventFields, type MachineEvent } from './events.ts';
import { JsonLines } from './json-lines.ts';
import { TraceHash } from './trace-hash.ts';

const at = (time: number) => ({ time, tid: 1, cpu: 0 });

/** One of each type. */
const sample: readonly MachineEvent[] = [
  { type: 'process:start', time: 0, pid: 1, name: 'memcached' },
  { type: 'process:fork', time: 0, pid: 2, parent: 1 },
  { type: 'process:exec', time: 0, pid: 2, name: 'sh' },
  { type: 'thread:start', ...at(0), pid: 1, name: 'memcached', view: 0 },
  { type: 'syscall:enter', ...at(10), number: 232, name: 'epoll_wait', args: [3, 4096, -1, 0, 0, 0] },
  { type: 'futex:wait', ...at(20), address: 0x7f0000001000 },
  { type: 'schedule', ...at(30), from: 0, to: 30, view: 0 },
  { type: 'syscall:exit', ...at(40), number: 232, name: 'epoll_wait', result: 1 },
  { type: 'futex:wake', ...at(41), address: 0x7f0000001000, woken: 1 },
  { type: 'page-fault', ...at(50), va: 0x401000, access: 8, kind: 'file' },
  { type: 'page-fault', ...at(51), va: 0x601000, access: 4, kind: 'cow' },
  { type: 'view:create', time: 52, tid: 1, view: 1, from: 0 },
  { type: 'view:switch', time: 53, tid: 1, from: 0, to: 1 },
  { type: 'tlb:flush', time: 53, tid: 1 },
  { type: 'view:delete', time: 54, tid: 1, view: 1 },
  { type: 'signal', ...at(60), signo: 11, handler: 0x402000 },
  { type: 'thread:move', ...at(61), fromKind: 'big', toKind: 'little' },
  {
    type: 'illegal-instruction',
    ...at(62),
    pc: 0x401000,
    instruction: 'pshufb xmm0, xmm1',
    feature: 'ssse3',
    kind: 'little',
    view: 1,
    variant: 'ext',
  },
  { type: 'net:connect', time: 70, connection: 1, to: '11211' },
  { type: 'net:data', time: 71, connection: 1, toGuest: true, bytes: 12 },
  { type: 'net:data', time: 72, connection: 1, toGuest: false, bytes: 5 },
  { type: 'net:close', time: 73, connection: 1 },
  { type: 'syscall:unimplemented', ...at(80), name: 'io_uring_setup' },
  {
    type: 'asan:report',
    ...at(80),
    kind: 'double-free',
    access: 'free',
    address: 0x100000000040,
    bytes: 0,
    pc: 0x401000,
    variant: 'asan',
  },
  { type: 'mark', time: 81, name: 'measured' },
  { type: 'schedule', ...at(90), from: 40, to: 90, view: 1 },
  { type: 'thread:exit', ...at(91), code: 0 },
  { type: 'process:exit', time: 92, pid: 1, code: 0 },
];

const hashOf = (events: readonly MachineEvent[]): string => {
  const hash = new TraceHash();
  for (const event of events) hash.accept(event);
  return hash.digest();
};

describe('events', () => {
  it('the sample has every type', () => {
    assert.deepEqual([...new Set(sample.map(({ type }) => type))].sort(), Object.keys(eventFields).sort());
  });

  it('the bus is off without sinks and reaches each sink in order', () => {
    const bus = new EventBus();
    assert.equal(bus.enabled, false);
    const seen: string[] = [];
    const detach = bus.attach({ accept: (event) => seen.push(event.type) });
    assert.equal(bus.enabled, true);
    for (const event of sample) bus.emit(event);
    assert.deepEqual(
      seen,
      sample.map(({ type }) => type),
    );
    detach();
    assert.equal(bus.enabled, false);
  });

  it('counts', () => {
    const counters = new EventCounters();
    for (const event of sample) counters.accept(event);
    assert.equal(counters.count('page-fault'), 2);
    assert.equal(counters.count('tlb:flush'), 1);
    assert.deepEqual([...counters.syscalls], [['epoll_wait', 1]]);
    assert.deepEqual([...counters.unimplemented], [['io_uring_setup', 1]]);
    assert.deepEqual([...counters.pageFaults].sort(), [
      ['cow', 1],
      ['file', 1],
    ]);
    assert.deepEqual(
      [...counters.timeInView],
      [
        [0, 30],
        [1, 50],
      ],
    );
    assert.equal(counters.bytesToGuest, 12);
    assert.equal(counters.bytesFromGuest, 5);
    assert.deepEqual(JSON.parse(JSON.stringify(counters)).signals, { 11: 1 });
  });

  it('writes one line of JSON per event', () => {
    let text = '';
    const lines = new JsonLines((more) => {
      text += more;
    });
    for (const event of sample) lines.accept(event);
    lines.flush();
    lines.flush();
    assert.deepEqual(
      text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
      sample,
    );
  });
});

describe('trace hash', () => {
  it('is the same for the same events, however their objects were written', () => {
    const reordered = sample.map(
      (event) => Object.fromEntries(Object.entries(event).reverse()) as unknown as MachineEvent,
    );
    assert.equal(hashOf(sample), hashOf(reordered));
    assert.match(hashOf(sample), /^[0-9a-f]{32}$/);
  });

  it('depends on every field of every event, and on their order', () => {
    const whole = hashOf(sample);
    sample.forEach((event, index) => {
      for (const field of ['time', ...eventFields[event.type]]) {
        const value = (event as unknown as Record<string, unknown>)[field];
        const other =
          typeof value === 'number' ? value + 1 : typeof value === 'boolean' ? !value : Array.isArray(value) ? [] : 'x';
        const changed = [...sample];
        changed[index] = { ...event, [field]: other } as MachineEvent;
        assert.notEqual(hashOf(changed), whole, `${event.type}.${field}`);
      }
    });
    assert.notEqual(hashOf([...sample].reverse()), whole);
    assert.notEqual(hashOf(sample.slice(1)), whole);
  });

  it('does not depend on when it is read or how long the stream is', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...sample), { maxLength: 400 }), fc.nat(400), (events, cut) => {
        const hash = new TraceHash();
        events.forEach((event, index) => {
          if (index === cut) hash.digest();
          hash.accept(event);
        });
        assert.equal(hash.digest(), hashOf(events));
      }),
      { numRuns: 20 },
    );
    const long = Array.from(
      { length: 5000 },
      (_, i): MachineEvent => ({ type: 'mark', time: i, name: 'x'.repeat(i % 90) }),
    );
    assert.equal(hashOf(long), hashOf(long));
    assert.notEqual(hashOf(long), hashOf(long.slice(0, -1)));
  });
});

describe('chrome trace', () => {
  interface Parsed {
    traceEvents: {
      ph: string;
      name: string;
      pid: number;
      tid: number;
      ts?: number;
      dur?: number;
      cat?: string;
      args?: Record<string, unknown>;
    }[];
    otherData: { droppedEvents: string };
  }
  const parse = (trace: ChromeTrace): Parsed => JSON.parse(trace.toString()) as Parsed;

  it('is well formed: JSON, known phases, times and durations where they belong, every track named', () => {
    const trace = new ChromeTrace({ viewNames: ['fast', 'prof'] });
    for (const event of sample) trace.accept(event);
    const { traceEvents } = parse(trace);
    const named = new Set(
      traceEvents.filter(({ ph, name }) => ph === 'M' && name === 'thread_name').map(({ pid, tid }) => `${pid}/${tid}`),
    );
    const groups = new Set(
      traceEvents.filter(({ ph, name }) => ph === 'M' && name === 'process_name').map(({ pid }) => pid),
    );
    for (const event of traceEvents) {
      assert.ok(['M', 'X', 'i'].includes(event.ph));
      assert.ok(groups.has(event.pid));
      if (event.ph === 'M') continue;
      assert.ok(event.ts !== undefined && event.ts >= 0);
      if (event.ph === 'X') assert.ok(event.dur !== undefined && event.dur >= 0);
      if (event.cat !== 'mark') assert.ok(named.has(`${event.pid}/${event.tid}`), event.name);
    }
  });

  it('shows slices by CPU and by thread with the view as category, and syscalls from entry to exit', () => {
    const trace = new ChromeTrace({ viewNames: ['fast', 'prof'] });
    for (const event of sample) trace.accept(event);
    const slices = parse(trace).traceEvents.filter(({ ph }) => ph === 'X');
    assert.deepEqual(
      slices.filter(({ pid }) => pid === 1).map(({ tid, name, ts, dur, cat }) => [tid, name, ts, dur, cat]),
      [
        [0, 'memcached', 0, 0.03, 'fast'],
        [0, 'memcached', 0.04, 0.05, 'prof'],
      ],
    );
    assert.deepEqual(
      slices.filter(({ pid }) => pid === 2).map(({ tid, name }) => [tid, name]),
      [
        [1, 'fast'],
        [1, 'prof'],
      ],
    );
    const [call] = slices.filter(({ pid }) => pid === 3);
    assert.deepEqual([call?.name, call?.ts, call?.dur, call?.args?.result], ['epoll_wait', 0.01, 0.03, 1]);
    assert.equal((call?.args?.args as string[] | undefined)?.[2], '0xffffffffffffffff');
  });

  it('keeps the newest events when there are too many', () => {
    const trace = new ChromeTrace({ limit: 10 });
    for (let time = 0; time < 100; time++) trace.accept({ type: 'mark', time: time * 1000, name: `m${time}` });
    const { traceEvents, otherData } = parse(trace);
    assert.deepEqual(
      traceEvents.filter(({ ph }) => ph === 'i').map(({ name }) => name),
      ['m90', 'm91', 'm92', 'm93', 'm94', 'm95', 'm96', 'm97', 'm98', 'm99'],
    );
    assert.equal(otherData.droppedEvents, '90');
  });
});
