import { Errno } from '../../errno.ts';
import { PAGE_SIZE } from '../../memory/physical.ts';
import { SIGNAL_COUNT } from '../signals.ts';
import type { SyscallTopic } from '../syscall.ts';
import type { Thread } from '../thread.ts';

const encoder = new TextEncoder();
const UTS_FIELD = 65;
const MOST_RANDOM = 2 ** 25; // one getrandom call
const COMM_SIZE = 16;

/** Options of prctl(2). */
const Prctl = {
  SET_PDEATHSIG: 1,
  GET_PDEATHSIG: 2,
  GET_DUMPABLE: 3,
  SET_DUMPABLE: 4,
  GET_KEEPCAPS: 7,
  SET_KEEPCAPS: 8,
  SET_NAME: 15,
  GET_NAME: 16,
  CAPBSET_READ: 23,
  SET_TIMERSLACK: 29,
  GET_TIMERSLACK: 30,
  SET_NO_NEW_PRIVS: 38,
  GET_NO_NEW_PRIVS: 39,
} as const;

function uname(thread: Thread, va: number): number {
  const fields = ['Linux', 'melf', '6.1.0-melf', '#1 SMP melf-sandbox', thread.kernel.abi.machineName, '(none)'];
  const bytes = new Uint8Array(UTS_FIELD * fields.length);
  fields.forEach((text, index) => {
    bytes.set(encoder.encode(text), index * UTS_FIELD);
  });
  thread.memory.write(va, bytes);
  return 0;
}

function sysinfo(thread: Thread, va: number): number {
  const { physical, processes } = thread.kernel;
  const bytes = new Uint8Array(112);
  const view = new DataView(bytes.buffer);
  const total = BigInt(physical.bytes);
  view.setBigInt64(0, BigInt(Math.floor(thread.now() / 1e9)), true);
  view.setBigUint64(32, total, true);
  view.setBigUint64(40, total - BigInt(physical.framesUsed * PAGE_SIZE), true);
  view.setUint16(80, processes.size, true);
  view.setUint32(104, 1, true);
  thread.memory.write(va, bytes);
  return 0;
}

function getRandom(thread: Thread, va: number, length: number, flags: number): number {
  if (flags & ~7) return -Errno.EINVAL;
  const count = Math.min(length, MOST_RANDOM);
  thread.memory.write(va, thread.kernel.random.bytes(count));
  return count;
}

function setName(thread: Thread, va: number): number {
  const bytes = new Uint8Array(COMM_SIZE - 1);
  for (let index = 0; index < bytes.length; index++) {
    const byte = thread.memory.u8(va + index);
    if (byte === 0) break;
    bytes[index] = byte;
  }
  const end = bytes.indexOf(0);
  thread.comm = new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
  return 0;
}

function prctl(thread: Thread, option: number, value: number): number {
  switch (option) {
    case Prctl.SET_NAME:
      return setName(thread, value);
    case Prctl.GET_NAME: {
      const bytes = new Uint8Array(COMM_SIZE);
      bytes.set(encoder.encode(thread.comm).subarray(0, COMM_SIZE - 1));
      thread.memory.write(value, bytes);
      return 0;
    }
    case Prctl.GET_DUMPABLE:
    case Prctl.CAPBSET_READ:
      return 1;
    case Prctl.SET_PDEATHSIG:
      if (value < 0 || value > SIGNAL_COUNT) return -Errno.EINVAL;
      thread.process.parentDeathSignal = value;
      return 0;
    case Prctl.GET_PDEATHSIG:
      thread.memory.setU32(value, thread.process.parentDeathSignal);
      return 0;
    case Prctl.GET_TIMERSLACK:
      return thread.timerSlack;
    case Prctl.SET_TIMERSLACK:
      thread.timerSlack = value <= 0 ? thread.defaultTimerSlack : value;
      return 0;
    case Prctl.SET_DUMPABLE:
    case Prctl.SET_KEEPCAPS:
    case Prctl.GET_KEEPCAPS:
    case Prctl.SET_NO_NEW_PRIVS:
    case Prctl.GET_NO_NEW_PRIVS:
      return 0;
    default:
      return -Errno.EINVAL;
  }
}

export const miscSyscalls: SyscallTopic = {
  uname: { handler: uname, note: 'complete' },
  sysinfo: { handler: sysinfo, note: 'uptime, memory, processes' },
  getrandom: { handler: getRandom, note: "from the run's seed" },
  prctl: {
    handler: prctl,
    note: 'names, PR_SET_PDEATHSIG, keeps the timer slack; accepts what changes nothing here; other options are EINVAL',
  },
  personality: {
    handler: (_thread, persona) => (persona === 0xffff_ffff || persona === 0 ? 0 : -Errno.EINVAL),
    note: 'PER_LINUX only',
  },
  capget: {
    handler: (thread, headerVa, dataVa) => {
      const VERSION_3 = 0x20080522;
      thread.memory.setU32(headerVa, VERSION_3);
      if (dataVa !== 0) thread.memory.write(dataVa, new Uint8Array(24).fill(0xff));
      return 0;
    },
    note: 'all capabilities',
  },
  capset: { handler: () => 0, note: 'accepted and ignored: nothing here depends on capabilities' },
};
