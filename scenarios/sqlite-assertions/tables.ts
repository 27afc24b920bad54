import type { RelativeChange } from '../runner/statistics.ts';
import type { TextTable } from '../runner/text-table.ts';
import { grouped, microseconds, signedPercent } from '../runner/units.ts';
import type { CodeSize } from './code-size.ts';
import type { LedgerResult } from './ledger-checks.ts';
import type { Report, ReportedFailure } from './report.ts';
import type { ConfigurationResult, GroupResult } from './summary.ts';

const none = '–';

function changeText(change: RelativeChange | null | undefined): string {
  if (change === null || change === undefined) return none;
  const { percent, low, high } = change;
  const middle = signedPercent(percent, 1);
  return low === undefined || high === undefined
    ? middle
    : `${middle} [${signedPercent(low, 1)}, ${signedPercent(high, 1)}]`;
}

/** Of fewer statements a 99th percentile is one of the largest few, and no more. */
export const leastForP99 = 300;

const groupCells = (group: GroupResult | null): string[] =>
  group === null
    ? [none, none, none, none, none]
    : [
        grouped(group.count),
        changeText(group.against.noassert.cycles),
        microseconds(group.latency),
        group.count < leastForP99 ? none : microseconds(group.latencyP99),
        changeText(group.against.noassert.latency),
      ];

/** The service by configuration; changes are against the same statements of `noassert` alone. */
export function serviceTable(results: readonly ConfigurationResult[]): TextTable {
  return {
    head: [
      'service',
      'asserted',
      'instr./statement',
      'TLB misses/statement',
      'cycles vs plain',
      'vs noassert',
      'switches/statement',
      'statements/s',
    ],
    rows: results.map(({ id, assertedPercent, all, switchesPerStatement, throughput }) => [
      id,
      assertedPercent === null ? 'in turns' : `${assertedPercent.toFixed(1)} %`,
      grouped(all.instructions),
      all.tlbMisses.toFixed(1),
      changeText(all.against.plain.cycles),
      changeText(all.against.noassert.cycles),
      switchesPerStatement.toFixed(2),
      grouped(throughput),
    ]),
  };
}

/** What statements cost that are under assertion, and those that are not; against the very same statements of `noassert` alone. */
export function groupTable(results: readonly ConfigurationResult[]): TextTable {
  const group = (whose: string): string[] => [`${whose}: statements`, 'cycles', 'latency, µs', 'p99', 'change'];
  return {
    head: ['service', ...group('not asserted'), ...group('asserted')],
    rows: results.map(({ id, others, asserted }) => [id, ...groupCells(others), ...groupCells(asserted)]),
  };
}

/** speedtest1, whole in one variant. */
export function speedtestTable(runs: Report['speedtest1']): TextTable {
  const base = runs.find(({ form }) => form === 'plain');
  const debug = runs.find(({ form }) => form === 'noassert');
  const against = (value: number, other: number | undefined): string =>
    other === undefined ? none : signedPercent((value / other - 1) * 100, 1);
  return {
    head: ['speedtest1', 'variant', 'instructions', 'cycles', 'cycles vs plain', 'vs noassert', 'time, ms', 'hash'],
    rows: runs.map(({ form, variant, instructions, cycles, time, verificationHash }) => [
      form,
      variant,
      grouped(instructions),
      grouped(cycles),
      against(cycles, base?.cycles),
      against(cycles, debug?.cycles),
      (time / 1e6).toFixed(1),
      `${verificationHash.slice(0, 20)}…`,
    ]),
  };
}

/** Databases whose power failed. */
export function ledgerTable(results: readonly LedgerResult[]): TextTable {
  return {
    head: ['ledger', 'power failures', 'damaged', 'with losses', 'most lost', 'transactions', 'transactions/ms'],
    rows: results.map(({ mode, failures, damaged, losing, mostLost, transactions, rate }) => [
      mode,
      ...[failures, damaged, losing, mostLost, transactions].map(grouped),
      rate.toFixed(2),
    ]),
  };
}

export function codeTables({ forms, variants, windowBytes, functions }: CodeSize): TextTable[] {
  const plain = forms.find(({ form }) => form === 'plain');
  return [
    {
      head: ['file', 'bytes', 'code', 'other variants’ code', 'all code vs plain'],
      rows: forms.map(({ form, fileBytes, codeBytes, variantBytes }) => [
        form,
        grouped(fileBytes),
        grouped(codeBytes),
        variantBytes === 0 ? none : grouped(variantBytes),
        plain === undefined ? none : signedPercent(((codeBytes + variantBytes) / plain.codeBytes - 1) * 100, 1),
      ]),
    },
    {
      head: [
        `variant (${functions} functions, window of ${grouped(windowBytes)})`,
        'code',
        'padding',
        'share',
        'functions with the default’s bytes',
      ],
      rows: variants.map(({ name, codeBytes, paddingBytes, paddingPercent, identicalFunctions }, index) => [
        name,
        grouped(codeBytes),
        grouped(paddingBytes),
        `${paddingPercent.toFixed(1)} %`,
        index === 0 ? '' : grouped(identicalFunctions),
      ]),
    },
  ];
}

/** A failed assertion as text, one line for each frame. */
export function failureText({ configuration, thread, variant, where, expression, stack }: ReportedFailure): string {
  const frames = stack.map((frame) => `    ${frame}`).join('\n');
  return `${configuration}, thread ${thread} (${variant}): ${where}: assert(${expression})\n${frames}`;
}
