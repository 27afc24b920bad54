// The server for ordinary clients: in the sandbox, on a loopback port of the host, until it is stopped.

import { readFileSync } from 'node:fs';
import { readableNames } from '../../base/demangle.ts';
import { Machine } from '../../emulator/machine.ts';
import { Realtime } from '../../emulator/realtime.ts';
import { loadMachine } from '../../emulator/scheduler/machine-description.ts';
import { readMelf } from '../../linker/melf-reader.ts';
import { asanReports } from '../../overlay/asan/asan-call.ts';
import { formatReport } from '../../overlay/asan/report-text.ts';
import { installMmview } from '../../overlay/mmview.ts';
import { Symboliser } from '../../overlay/symboliser.ts';
import { note } from '../../setup/progress.ts';
import type { Executables } from './executable.ts';
import type { MachineSettings } from './run-record.ts';
import { serverCommand, serverMounts, serverProgram } from './server.ts';

const ramBytes = 1024 * 2 ** 20;

/** Serves the multivariant form on a port of the host and of the guest; gives the server's exit code. Reports and the server's own words go to stderr. */
export async function serve(port: number, { paths, files }: Executables, settings: MachineSettings): Promise<number> {
  const elf = readFileSync(paths.melf);
  const names = new Symboliser(readMelf(elf));
  const show = (bytes: Uint8Array): void => void process.stderr.write(bytes);
  const machine = await Machine.create({
    description: loadMachine(settings.description, settings.isa),
    costModel: settings.costModel,
    epochSeconds: Math.floor(Date.now() / 1000),
    ramBytes,
    console: { stdout: show, stderr: show },
    mounts: serverMounts(files),
    extensions: [
      installMmview,
      asanReports((report) => void process.stderr.write(readableNames(formatReport(report, names)))),
    ],
  });
  const server = machine.spawn(elf, {
    argv: serverCommand({ port, threads: settings.threads }),
    env: ['MELF_ASAN_OPTIONS=halt_on_error=0', 'GLIBC_TUNABLES=glibc.malloc.arena_max=1'],
    exe: serverProgram,
  });
  const realtime = new Realtime(machine);
  const { publish } = await import('../../emulator/linux/net/publish.ts');
  const published = await publish(machine.network, realtime, port);
  process.once('SIGINT', () => realtime.stop());
  note(
    `127.0.0.1:${port} leads to MariaDB in the sandbox: mariadb -h 127.0.0.1 -P ${port} -u plain (or -u asan); Ctrl-C ends it`,
  );
  try {
    await realtime.run();
  } finally {
    await published.close();
    machine.close();
  }
  return server.exitCode ?? 0;
}
