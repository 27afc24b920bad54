// MariaDB in a process of its own: how long it takes to answer its first query, and how many point selects it answers after that. Reads its
// task as JSON in argv, prints what it measured as JSON.
import { readFileSync } from 'node:fs';
import { Machine } from '../emulator/machine.ts';
import { loadMachine } from '../emulator/scheduler/machine-description.ts';
import { installMmview } from '../overlay/mmview.ts';
import { serverCommand, serverMounts, serverProgram } from '../scenarios/mariadb-asan/server.ts';
import { worldOf } from '../scenarios/runner/client-world.ts';
import { encodeQuery, PacketClient } from './mariadb-client.ts';
import { BenchError } from './measure.ts';

export interface SelectTask {
  readonly program: string;
  readonly files: string;
  readonly accounting: boolean;
  readonly connections: number;
  /** Selects of each connection, first those that only warm up. */
  readonly warmUp: number;
  readonly selects: number;
}

/** CPU seconds of this process. */
export interface SelectMeasurement {
  /** From the start of the process to the answer to the first query. */
  readonly start: number;
  /** Of the selects after the warm-up. */
  readonly selects: number;
  readonly instructions: number;
}

const port = 3306;
const rows = 100;

const cpuSeconds = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};

async function measure(task: SelectTask): Promise<SelectMeasurement> {
  const machine = await Machine.create({
    description: loadMachine('uniform-4', 'x86-64'),
    ramBytes: 2 ** 30,
    latency: 20e3,
    accounting: task.accounting,
    mounts: serverMounts(task.files),
    extensions: [installMmview],
    scheduling: { lookahead: 40e3 },
  });
  machine.spawn(readFileSync(task.program), {
    argv: serverCommand({ port, threads: 'one-per-connection' }),
    env: ['GLIBC_TUNABLES=glibc.malloc.arena_max=1'],
    exe: serverProgram,
  });
  const world = worldOf(machine, port);
  let start = 0;
  const [from, to] = [
    { cpu: 0, instructions: 0 },
    { cpu: 0, instructions: 0 },
  ];
  const note = (at: typeof from): void => {
    at.cpu = cpuSeconds();
    at.instructions = machine.kernel.scheduler.instructionsSoFar;
  };
  const connect = (user: string, at: number, use: (client: PacketClient, now: number) => void): void => {
    const client: PacketClient = new PacketClient(world, at, user, {
      onReady: (now) => use(client, now),
      onRefused: (now) => world.at(now + 5e6, (later) => connect(user, later, use)),
    });
  };
  const inTurn = (client: PacketClient, at: number, list: readonly string[], then: (now: number) => void): void => {
    const [sql, ...others] = list;
    if (sql === undefined) then(at);
    else client.query(encodeQuery(sql), at, (_, now) => inTurn(client, now, others, then));
  };
  const ids = Array.from({ length: rows }, (_, id) => id);
  const answers = ids.map((id) => `row ${id}`);
  const queries = ids.map((id) => encodeQuery(`SELECT c FROM t WHERE id=${id}`));
  const clients: PacketClient[] = [];
  const first = task.connections * task.warmUp;
  const last = first + task.connections * task.selects;
  let answered = 0;
  const load = (client: PacketClient, now: number, next: number): void => {
    const id = next % rows;
    client.query(queries[id]!, now, (answer, at) => {
      if (answer !== answers[id]) throw new BenchError('bench.mariadb', `row ${id} is ${answer}`);
      answered++;
      if (answered === first) note(from);
      if (answered < last) load(client, at, next + 37);
      else if (answered === last) {
        note(to);
        for (const one of clients) one.expectEnd();
        client.query(encodeQuery('SHUTDOWN'), at, () => {});
      }
    });
  };
  connect('root', 1e6, (client, now) =>
    client.query(encodeQuery('SELECT 1'), now, (_, answered) => {
      start = cpuSeconds();
      const make = [
        'CREATE DATABASE test',
        'CREATE TABLE test.t (id INT PRIMARY KEY, c CHAR(60)) ENGINE=Aria',
        `INSERT INTO test.t VALUES ${ids.map((id) => `(${id}, '${answers[id]}')`).join(',')}`,
      ];
      inTurn(client, answered, make, (made) => {
        clients.push(client);
        for (let i = 0; i < task.connections; i++) {
          connect(`plain-${i}`, made, (one, ready) => {
            clients.push(one);
            inTurn(one, ready, ['USE test'], (used) => load(one, used, i));
          });
        }
      });
    }),
  );
  machine.run({ maxTime: 300e9 });
  machine.close();
  return { start, selects: to.cpu - from.cpu, instructions: to.instructions - from.instructions };
}

process.stdout.write(JSON.stringify(await measure(JSON.parse(process.argv[2] ?? '{}') as SelectTask)));
