// The profile that guest/profile.c counted: read, attributed to functions, and written as gprof does.

import { MelfError } from '../../../base/errors.ts';
import type { FunctionSymbol, FunctionTable } from '../symbols.ts';

/** One call site's calls of one function; both as return addresses, that is behind the call instruction. */
export interface RawArc {
  readonly from: number;
  readonly into: number;
  readonly calls: number;
}

export interface RawProfile {
  readonly arcs: readonly RawArc[];
  /** Calls that found the table of arcs full. */
  readonly lost: number;
}

/** Calls of one function by another, all call sites together. */
export interface Arc {
  readonly caller: FunctionSymbol;
  readonly callee: FunctionSymbol;
  readonly calls: number;
}

export interface Profile {
  readonly arcs: readonly Arc[];
  /** Calls of each function by its address. */
  readonly calls: ReadonlyMap<number, number>;
  readonly total: number;
  readonly lost: number;
}

/** Reads what guest/profile.c writes. */
export function parseProfile(text: string): RawProfile {
  const lines = text.split('\n').filter((line) => line !== '');
  const bad = (line: string | undefined): MelfError =>
    new MelfError('profile.format', 'The profile that the guest wrote cannot be read', { facts: { line } });
  if (lines[0] !== 'melf-profile 1') throw bad(lines[0]);
  const arcs: RawArc[] = [];
  let lost: number | undefined;
  for (const line of lines.slice(1)) {
    const arc = /^arc ([0-9a-f]+) ([0-9a-f]+) (\d+)$/.exec(line);
    const end = /^lost (\d+)$/.exec(line);
    if (arc !== null && lost === undefined)
      arcs.push({ from: Number.parseInt(arc[1]!, 16), into: Number.parseInt(arc[2]!, 16), calls: Number(arc[3]) });
    else if (end !== null && lost === undefined) lost = Number(end[1]);
    else throw bad(line);
  }
  if (lost === undefined) throw bad('(end of file)');
  return { arcs, lost };
}

const unknown: FunctionSymbol = { name: '<unknown>', address: 0 };

/** Attributes the arcs to functions. */
export function resolveProfile({ arcs, lost }: RawProfile, functions: FunctionTable): Profile {
  const merged = new Map<string, Arc>();
  const calls = new Map<number, number>();
  let total = 0;
  for (const arc of arcs) {
    // A call may be its function's last instruction, and the return address then the next function's.
    const caller = functions.containing(arc.from - 1) ?? unknown;
    const callee = functions.containing(arc.into - 1) ?? unknown;
    const key = `${caller.address} ${callee.address}`;
    merged.set(key, { caller, callee, calls: (merged.get(key)?.calls ?? 0) + arc.calls });
    calls.set(callee.address, (calls.get(callee.address) ?? 0) + arc.calls);
    total += arc.calls;
  }
  return { arcs: [...merged.values()], calls, total, lost };
}

const byCalls = (a: Arc, b: Arc): number => b.calls - a.calls || (a.caller.name < b.caller.name ? -1 : 1);

/** A flat profile and a call graph in gprof's form; without times, which come from sampling there and are not taken here. */
export function renderProfile(profile: Profile): string {
  const symbols = new Map<number, FunctionSymbol>();
  for (const { caller, callee } of profile.arcs) symbols.set(caller.address, caller).set(callee.address, callee);
  const callsOf = ({ address }: FunctionSymbol): number => profile.calls.get(address) ?? 0;
  const order = [...symbols.values()].sort((a, b) => callsOf(b) - callsOf(a) || (a.name < b.name ? -1 : 1));
  const index = new Map(order.map(({ address }, at) => [address, at + 1]));
  const label = (one: FunctionSymbol): string => `${one.name} [${index.get(one.address)}]`;

  const flat = order
    .filter((one) => callsOf(one) > 0)
    .map((one) => {
      const share = ((callsOf(one) / profile.total) * 100).toFixed(2);
      return `${share.padStart(7)} ${callsOf(one).toString().padStart(12)}  ${one.name}`;
    });
  const graph = order.map((one) => {
    const ratio = (calls: number, of: FunctionSymbol): string => `${calls}/${callsOf(of)}`.padStart(24);
    const callers = profile.arcs.filter(({ callee }) => callee.address === one.address).sort(byCalls);
    const callees = profile.arcs.filter(({ caller }) => caller.address === one.address).sort(byCalls);
    return [
      ...callers.map(({ caller, calls }) => `      ${ratio(calls, one)}      ${label(caller)}`),
      `${`[${index.get(one.address)}]`.padEnd(6)}${(callsOf(one) > 0 ? callsOf(one).toString() : '').padStart(24)}  ${label(one)}`,
      ...callees.map(({ callee, calls }) => `      ${ratio(calls, callee)}      ${label(callee)}`),
    ].join('\n');
  });
  return [
    'Flat profile: calls of each function, with their share of all calls.',
    '',
    '% calls        calls  name',
    ...flat,
    '',
    `${profile.total} calls in all${profile.lost > 0 ? `, and ${profile.lost} that were not attributed` : ''}.`,
    '',
    'Call graph: above each function those who called it (calls from there / its calls), below those it called.',
    'A function that counts nothing itself (a common one, or one of libc) is shown as caller only.',
    '',
    graph.join('\n-----------------------------------------------\n'),
    '',
  ].join('\n');
}
