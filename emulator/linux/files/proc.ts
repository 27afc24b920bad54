import { Errno } from '../../errno.ts';
import { idRegister } from '../../isa/aarch64/id-registers.ts';
import { vendorOf } from '../../isa/x86-64/cpuid.ts';
import { MOST_AREAS, Prot, protIn, type Vma } from '../../memory/vma.ts';
import type { Cpu } from '../../scheduler/cpu.ts';
import { unnamedByLinux } from '../../scheduler/machines/cpu-models.ts';
import type { Kernel } from '../kernel.ts';
import type { Process } from '../process.ts';
import type { Thread } from '../thread.ts';
import type { FileSystem } from './file-system.ts';
import { GeneratedFile } from './generated-file.ts';
import type { Inode } from './inode.ts';
import { OpenDirectory } from './inode-file.ts';
import { MagicLink } from './symlink.ts';
import type { Vfs } from './vfs.ts';
import { fixedEntries, VirtualDirectory, type VirtualEntries } from './virtual-directory.ts';

type Text = (caller: Thread) => string;
type Maker = (directory: VirtualDirectory) => Inode;

const text =
  (generate: Text, accept?: (value: string, caller: Thread) => number): Maker =>
  ({ fileSystem }) =>
    new GeneratedFile(fileSystem, generate, accept);

const folder =
  (name: string, entries: VirtualEntries): Maker =>
  (parent) =>
    new VirtualDirectory(parent.fileSystem, parent, name, entries);

const fixed = (name: string, makers: Readonly<Record<string, Maker>>): Maker => folder(name, fixedEntries(makers));

/** USER_HZ: the unit of times in /proc. */
const ticks = (ns: number): number => Math.floor(ns / 1e7);
const kib = (bytes: number): string => `${Math.floor(bytes / 1024)} kB`;

/** Mounts /proc and the few files of /sys that C libraries read. */
export function mountProc(vfs: Vfs): void {
  vfs.mount('/proc', (parent, name) => {
    const fileSystem = vfs.fileSystem('proc');
    return new VirtualDirectory(fileSystem, parent, name, rootEntries(vfs));
  });
  vfs.mount('/sys', (parent, name) => {
    const fileSystem = vfs.fileSystem('sysfs');
    const online = text((caller) => `0-${caller.kernel.scheduler.cpus.length - 1}\n`);
    const cpu = fixed('cpu', { online, possible: online, present: online });
    return new VirtualDirectory(
      fileSystem,
      parent,
      name,
      fixedEntries({ devices: fixed('devices', { system: fixed('system', { cpu }) }) }),
    );
  });
}

function rootEntries(vfs: Vfs): VirtualEntries {
  const mounts = text(() =>
    vfs.mounted
      .map(
        ({ at, fileSystem }) =>
          `${fileSystem.type} ${at} ${fileSystem.type} ${fileSystem.readOnly ? 'ro' : 'rw'} 0 0\n`,
      )
      .join(''),
  );
  const makers: Record<string, Maker> = {
    self: ({ fileSystem }) => new MagicLink(fileSystem, ({ process }) => `${process.pid}`),
    'thread-self': ({ fileSystem }) => new MagicLink(fileSystem, ({ process, tid }) => `${process.pid}/task/${tid}`),
    cpuinfo: text(cpuinfo),
    filesystems: text(() => 'nodev\tproc\nnodev\tsysfs\nnodev\ttmpfs\nnodev\toverlay\n'),
    loadavg: text(() => '0.00 0.00 0.00 1/1 1\n'),
    meminfo: text(meminfo),
    mounts: ({ fileSystem }) => new MagicLink(fileSystem, () => 'self/mounts'),
    stat: text(kernelStat),
    sys: fixed('sys', {
      kernel: fixed('kernel', {
        hostname: text(() => 'melf\n'),
        osrelease: text(() => '6.1.0-melf\n'),
        ostype: text(() => 'Linux\n'),
        pid_max: text(() => '4194304\n'),
        'threads-max': text(() => '65536\n'),
        random: fixed('random', { boot_id: text(() => '6d656c66-0000-4000-8000-000000000001\n') }),
      }),
      net: fixed('net', { core: fixed('core', { somaxconn: text(() => '4096\n') }) }),
      vm: fixed('vm', {
        overcommit_memory: text(() => '0\n'),
        max_map_count: text(() => `${MOST_AREAS}\n`),
      }),
    }),
    uptime: text((caller) => `${(caller.now() / 1e9).toFixed(2)} 0.00\n`),
    version: text(() => 'Linux version 6.1.0-melf (melf-sandbox) #1 SMP\n'),
  };
  const known = fixedEntries(makers);
  return {
    names: (caller) => [...known.names(caller), ...[...caller.kernel.processes.keys()].map(String)],
    make: (name, directory, caller) => {
      const process = caller.kernel.processes.get(Number(name));
      if (process === undefined) return known.make(name, directory, caller);
      return new VirtualDirectory(directory.fileSystem, directory, name, processEntries(process, mounts));
    },
  };
}

function processEntries(process: Process, mounts: Maker): VirtualEntries {
  const leader = (): Thread | undefined => process.threads.get(process.pid) ?? process.threads.values().next().value;
  const statOf: Text = () => threadStat(process, leader());
  return fixedEntries({
    cmdline: text(() => process.argv.map((argument) => `${argument}\0`).join('')),
    comm: text(
      () => `${leader()?.comm ?? ''}\n`,
      (value) => rename(leader(), value),
    ),
    cwd: ({ fileSystem }) => directoryLink(fileSystem, () => process.fs.cwd),
    environ: text(() => process.env.map((variable) => `${variable}\0`).join('')),
    exe: ({ fileSystem }) => new MagicLink(fileSystem, () => process.exe),
    fd: folder('fd', descriptorEntries(process)),
    limits: text(() => limits(process)),
    maps: text((caller) => maps(process, caller.process === process ? caller.view : 0)),
    mounts,
    oom_score_adj: text(
      () => '0\n',
      () => 0,
    ),
    root: ({ fileSystem }) => directoryLink(fileSystem, () => process.fs.root),
    stat: text(statOf),
    statm: text(() => {
      const pages = Math.ceil(virtualSize(process) / 4096);
      return `${pages} ${pages} 0 0 0 0 0\n`;
    }),
    status: text(() => status(process, leader())),
    task: folder('task', {
      names: () => [...process.threads.keys()].map(String),
      make: (name, directory) => {
        const tid = Number(name);
        const thread = (): Thread | undefined => process.threads.get(tid);
        return new VirtualDirectory(
          directory.fileSystem,
          directory,
          name,
          fixedEntries({
            comm: text(
              () => `${thread()?.comm ?? ''}\n`,
              (value) => rename(thread(), value),
            ),
            stat: text(() => threadStat(process, thread())),
            status: text(() => status(process, thread())),
          }),
        );
      },
    }),
  });
}

function descriptorEntries(process: Process): VirtualEntries {
  return {
    names: () => process.files.descriptors().map(String),
    make: (name, { fileSystem }) => {
      const file = () => process.files.get(Number(name));
      return new MagicLink(
        fileSystem,
        () => file()?.path ?? '',
        () => file(),
      );
    },
  };
}

function directoryLink(fileSystem: FileSystem, directory: () => Process['fs']['cwd']): MagicLink {
  const path = (caller: Thread) => directory().path(caller.process.fs.root) ?? '(deleted)';
  return new MagicLink(fileSystem, path, (caller) => new OpenDirectory(directory(), 0, path(caller)));
}

function rename(thread: Thread | undefined, value: string): number {
  if (thread === undefined) return -Errno.ESRCH;
  thread.comm = value.split('\n')[0]!.slice(0, 15);
  return 0;
}

const virtualSize = (process: Process): number => {
  let bytes = 0;
  if (process.end !== undefined) return bytes;
  for (const area of process.space.areas) bytes += area.end - area.start;
  return bytes;
};

function mapsLine(area: Vma, view: number): string {
  const prot = protIn(area, view);
  const rights = `${prot & Prot.read ? 'r' : '-'}${prot & Prot.write ? 'w' : '-'}${prot & Prot.exec ? 'x' : '-'}${area.sharedMapping ? 's' : 'p'}`;
  const range = `${area.start.toString(16).padStart(8, '0')}-${area.end.toString(16).padStart(8, '0')}`;
  const offset = (area.file?.offset ?? 0).toString(16).padStart(8, '0');
  const line = `${range} ${rights} ${offset} 00:00 0`;
  const name = area.name || area.file?.mappable.name || '';
  return name === '' ? `${line} \n` : `${line.padEnd(73)}${name}\n`;
}

const maps = (process: Process, view: number): string =>
  [...process.space.areas].map((area) => mapsLine(area, view)).join('');

function threadStat(process: Process, thread: Thread | undefined): string {
  const state = thread === undefined ? 'Z' : thread.state === 'blocked' ? 'S' : 'R';
  const cpu = ticks(thread === undefined ? 0 : thread.kernel.scheduler.cpuTimeOf(thread));
  const fields: (string | number)[] = [
    thread?.tid ?? process.pid,
    `(${thread?.comm ?? ''})`,
    state,
    ...[process.parentPid, process.group, process.session, 0, -1, 0, 0, 0, 0, 0],
    ...[cpu, 0, 0, 0, 20, 0, process.threads.size, 0, ticks(process.startTime)],
    ...[virtualSize(process), Math.ceil(virtualSize(process) / 4096)],
  ];
  while (fields.length < 52) fields.push(0);
  return `${fields.join(' ')}\n`;
}

function status(process: Process, thread: Thread | undefined): string {
  const { uid, euid, suid, gid, egid, sgid } = process.credentials;
  const size = virtualSize(process);
  const lines: [string, string | number][] = [
    ['Name', thread?.comm ?? ''],
    ['Umask', process.fs.umask.toString(8).padStart(4, '0')],
    ['State', thread === undefined ? 'Z (zombie)' : thread.state === 'blocked' ? 'S (sleeping)' : 'R (running)'],
    ['Tgid', process.pid],
    ['Pid', thread?.tid ?? process.pid],
    ['PPid', process.parentPid],
    ['TracerPid', 0],
    ['Uid', `${uid}\t${euid}\t${suid}\t${euid}`],
    ['Gid', `${gid}\t${egid}\t${sgid}\t${egid}`],
    ['FDSize', process.files.limit],
    ['VmPeak', kib(size)],
    ['VmSize', kib(size)],
    ['VmLck', kib(process.end === undefined ? process.space.areas.lockedBytes() : 0)],
    ['VmRSS', kib(size)],
    ['Threads', process.threads.size],
  ];
  return lines.map(([name, value]) => `${name}:\t${value}\n`).join('');
}

function limits(process: Process): string {
  const row = (name: string, soft: string, hard: string, units: string) =>
    `${name.padEnd(25)} ${soft.padEnd(20)} ${hard.padEnd(20)} ${units}\n`;
  const descriptors = `${process.files.limit}`;
  return (
    row('Limit', 'Soft Limit', 'Hard Limit', 'Units') +
    row('Max stack size', '8388608', 'unlimited', 'bytes') +
    row('Max open files', descriptors, descriptors, 'files')
  );
}

function meminfo({ kernel }: Thread): string {
  const total = kernel.physical.bytes;
  const free = total - kernel.physical.framesUsed * 4096;
  const lines: [string, number][] = [
    ['MemTotal', total],
    ['MemFree', free],
    ['MemAvailable', free],
    ['Buffers', 0],
    ['Cached', 0],
    ['SwapTotal', 0],
    ['SwapFree', 0],
  ];
  return lines
    .map(([name, value]) => `${`${name}:`.padEnd(16)}${String(Math.floor(value / 1024)).padStart(8)} kB\n`)
    .join('');
}

function kernelStat({ kernel }: Thread): string {
  const { cpus } = kernel.scheduler;
  const row = (name: string, busy: number) => `${name} ${ticks(busy)} 0 0 0 0 0 0 0 0 0\n`;
  const busy = cpus.reduce((sum, cpu) => sum + cpu.busy, 0);
  return `${row('cpu ', busy)}${cpus.map((cpu) => row(`cpu${cpu.id}`, cpu.busy)).join('')}btime ${kernel.epochSeconds}\nprocesses ${kernel.processes.size}\n`;
}

/** MIDR_EL1 in words (Arm ARM, D17.2; Documentation/arch/arm64/cpu-feature-registers.rst). */
function armIdentity(kernel: Kernel, cpu: Cpu<Thread>): string {
  const { model, guard } = kernel.kindOf(cpu);
  const midr = Number(idRegister(0, 0, { id: cpu.id, model, features: guard.features }));
  const field = (shift: number, mask: number): number => (midr >>> shift) & mask;
  const hex = (value: number): string => `0x${value.toString(16)}`;
  const part = `0x${field(4, 0xfff).toString(16).padStart(3, '0')}`;
  return `CPU implementer\t: ${hex(field(24, 0xff))}\nCPU architecture: 8\nCPU variant\t: ${hex(field(20, 0xf))}\nCPU part\t: ${part}\nCPU revision\t: ${field(0, 0xf)}\n`;
}

function cpuinfo({ kernel }: Thread): string {
  return kernel.scheduler.cpus
    .map((cpu) => {
      const mhz = (cpu.hz / 1e6).toFixed(3);
      const { model, features: all } = kernel.kindOf(cpu);
      const features = all.filter((one) => !unnamedByLinux.has(one)).join(' ');
      return kernel.isa === 'x86-64'
        ? `processor\t: ${cpu.id}\nvendor_id\t: ${vendorOf(model)}\nmodel name\t: melf-sandbox ${cpu.kind}\ncpu MHz\t\t: ${mhz}\ncpu cores\t: ${kernel.scheduler.cpus.length}\napicid\t\t: ${cpu.id}\nflags\t\t: ${features}\n\n`
        : `processor\t: ${cpu.id}\nmodel name\t: melf-sandbox ${cpu.kind}\nBogoMIPS\t: ${mhz}\nFeatures\t: ${features} cpuid\n${armIdentity(kernel, cpu)}\n`;
    })
    .join('');
}
