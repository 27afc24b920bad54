// Tables, plots and checks from the runs.

import type { TopLevelSpec } from 'vega-lite';
import type { Isa } from '../../emulator/isa/isa.ts';
import { referenceHz, type ViewModelName, viewModelNames } from '../../emulator/timing/kernel-costs.ts';
import type { Check } from '../runner/checks.ts';
import { escapeHtml, htmlChecks, htmlPage, htmlTable } from '../runner/page.ts';
import { drawSvg } from '../runner/plots.ts';
import type { TextTable } from '../runner/text-table.ts';
import { type Operation, operations, operationTitles } from './operations.ts';
import { standardMib } from './plan.ts';
import { publishedCreate, source } from './published.ts';
import type { RunRecord } from './run.ts';
import { type SafetyRecord, safetyChecks, safetyTable } from './safety.ts';

export interface Results {
  readonly bySize: readonly RunRecord[];
  readonly byViews: readonly RunRecord[];
  readonly byOthers: readonly RunRecord[];
  /** Every size with some numbers of views. */
  readonly grid: readonly RunRecord[];
  /** With `--switch-safety` off, warn and strict. */
  readonly safety: readonly SafetyRecord[];
}

const nsOf = (cycles: number): number => (cycles / referenceHz) * 1e9;
const none = '–';

/** "1.24 µs" */
export function timeText(ns: number): string {
  if (ns < 1000) return `${ns.toFixed(0)} ns`;
  if (ns < 1e6) return `${(ns / 1e3).toPrecision(3)} µs`;
  return `${(ns / 1e6).toPrecision(3)} ms`;
}

export function bytesText(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  if (bytes < 2 ** 20) return `${(bytes / 1024).toFixed(0)} KiB`;
  return `${(bytes / 2 ** 20).toPrecision(3)} MiB`;
}

const cost = ({ costs }: RunRecord, operation: Operation): string => timeText(nsOf(costs[operation].cycles));
const sizeText = ({ mappedMib, touchedMib }: RunRecord): string =>
  mappedMib === touchedMib ? `${mappedMib} MiB` : `${mappedMib} MiB, ${touchedMib} touched`;

/** The runs of both models under the same circumstances beside each other. */
function pairs(records: readonly RunRecord[]): Record<ViewModelName, RunRecord>[] {
  const of = (model: ViewModelName): RunRecord[] => records.filter((one) => one.model === model);
  const [ours, theirs] = [of('subtree'), of('mmview-5.15')];
  return ours.map((one, at) => ({ subtree: one, 'mmview-5.15': theirs[at]! }));
}

export function sizeTable({ bySize }: Results): TextTable {
  return {
    head: [
      'mapped',
      'CREATE, subtree',
      'CREATE, mmview-5.15',
      'published',
      'memory per view, subtree',
      'mmview-5.15',
      'MIGRATE, subtree',
      'mmview-5.15',
    ],
    rows: pairs(bySize).map(({ subtree, 'mmview-5.15': theirs }) => [
      sizeText(subtree),
      cost(subtree, 'create'),
      cost(theirs, 'create'),
      timeText(publishedCreate(subtree.touchedMib)),
      bytesText(subtree.bytesPerView),
      bytesText(theirs.bytesPerView),
      cost(subtree, 'switch'),
      cost(theirs, 'switch'),
    ]),
  };
}

/** One view is what was there before the first CREATE of the same run. */
const aloneFor: Partial<Record<Operation, Operation>> = {
  createAll: 'create',
  touchBase: 'touchAlone',
  protectShared: 'protectAlone',
  protectRange: 'protectRangeAlone',
};

/** Short titles of what is shown by number of views. */
const shownByViews: readonly (readonly [Operation, string])[] = [
  ['createAll', 'CREATE of a further one'],
  ['switch', 'MIGRATE'],
  ['touchBase', 'first touch in the base'],
  ['touchOther', 'in another view'],
  ['refault', 'fault where the base touched first'],
  ['protectShared', 'mprotect 4 KiB'],
  ['protectRange', 'mprotect 1 MiB'],
];

/** A cost where there may be one further view only: the next CREATE was not made. */
const further = (record: RunRecord, operation: Operation): string =>
  operation === 'createAll' && record.views === 1 ? none : cost(record, operation);

export function viewsTable({ byViews }: Results): TextTable {
  const all = pairs(byViews);
  const alone = all[0]!;
  return {
    head: [
      'views',
      ...shownByViews.flatMap(([, title]) => [`${title}, subtree`, 'mmview-5.15']),
      'memory of a view, subtree',
      'mmview-5.15',
    ],
    rows: [
      [
        '1',
        ...shownByViews.flatMap(([operation]) => {
          const own = aloneFor[operation];
          return viewModelNames.map((model) => (own === undefined ? none : cost(alone[model], own)));
        }),
        none,
        none,
      ],
      ...all.map((pair) => [
        `${pair.subtree.views + 1}`,
        ...shownByViews.flatMap(([operation]) => viewModelNames.map((model) => further(pair[model], operation))),
        ...viewModelNames.map((model) => bytesText(pair[model].bytesPerView)),
      ]),
    ],
  };
}

/** Every size with some numbers of views, one row for each model. */
export function gridTable({ grid }: Results): TextTable {
  return {
    head: [
      'mapped',
      'views',
      'model',
      'CREATE',
      'published',
      ...shownByViews.slice(1).map(([, title]) => title),
      'memory of a view',
    ],
    rows: pairs(grid).flatMap((pair) =>
      viewModelNames.map((model) => {
        const one = pair[model];
        return [
          sizeText(one),
          `${one.views + 1}`,
          model,
          cost(one, one.views > 1 ? 'createAll' : 'create'),
          model === 'subtree' ? none : timeText(publishedCreate(one.touchedMib)),
          ...shownByViews.slice(1).map(([operation]) => cost(one, operation)),
          bytesText(one.bytesPerView),
        ];
      }),
    ),
  };
}

/** Every operation at the standard size, with its faults. */
export function operationTable({ byViews }: Results): TextTable {
  const { subtree, 'mmview-5.15': theirs } = pairs(byViews).find(({ subtree: one }) => one.views > 1)!;
  const faults = ({ costs }: RunRecord, operation: Operation): string =>
    `${Number(costs[operation].faults.toFixed(2))}`;
  return {
    head: ['one operation', 'subtree', 'faults', 'mmview-5.15', 'faults'],
    rows: operations
      .filter((operation) => operation !== 'nothing')
      .map((operation) => [
        operationTitles[operation],
        cost(subtree, operation),
        faults(subtree, operation),
        cost(theirs, operation),
        faults(theirs, operation),
      ]),
  };
}

export function othersTable({ byOthers }: Results): TextTable {
  const title = ({ others, spread }: RunRecord): string =>
    others === 0
      ? 'no other CPU busy'
      : `${others} others, ${spread ? 'each in a view of its own' : 'all in the base view'}`;
  return {
    head: ['mprotect of one shared page', 'subtree', 'mmview-5.15'],
    rows: pairs(byOthers).map(({ subtree, 'mmview-5.15': theirs }) => [
      title(subtree),
      cost(subtree, 'protectShared'),
      cost(theirs, 'protectShared'),
    ]),
  };
}

export function checksOf(results: Results): Check[] {
  const of = (records: readonly RunRecord[], model: ViewModelName): RunRecord[] =>
    records.filter((one) => one.model === model);
  const full = (model: ViewModelName): RunRecord[] =>
    of(results.bySize, model).filter(({ mappedMib, touchedMib }) => mappedMib === touchedMib);
  const values = (records: readonly RunRecord[], get: (one: RunRecord) => number): number[] => records.map(get);
  const equal = (numbers: readonly number[]): boolean => numbers.every((one) => one === numbers[0]);
  const create = ({ costs }: RunRecord): number => costs.create.cycles;
  const list = (numbers: readonly number[]): string => numbers.map((one) => Math.round(one)).join(', ');
  const perMib = full('mmview-5.15')
    .slice(-2)
    .map((one) => create(one) / one.touchedMib);
  const ours = values(of(results.bySize, 'subtree'), create);
  const switches = viewModelNames.flatMap((model) =>
    values(of(results.bySize, model), ({ costs }) => costs.switch.cycles),
  );
  const memory = values(of(results.bySize, 'subtree'), ({ bytesPerView }) => bytesPerView);
  const [base, other] = (['touchBase', 'touchOther'] as const).map((operation) =>
    values(of(results.byViews, 'mmview-5.15'), ({ costs }) => costs[operation].cycles),
  ) as [number[], number[]];
  const refaults = viewModelNames.map((model) => of(results.byViews, model)[0]!.costs.refault.faults);
  const grid = values(
    of(results.grid, 'subtree').filter(({ views }) => views > 1),
    ({ costs }) => costs.createAll.cycles,
  );
  const protect = (spread: boolean): number =>
    of(results.byOthers, 'mmview-5.15').find((one) => one.others > 0 && one.spread === spread)!.costs.protectShared
      .cycles;
  return [
    {
      name: 'subtree: CREATE costs the same whatever is mapped',
      ok: equal(ours),
      detail: `${list(ours)} cycles`,
    },
    {
      name: 'subtree: a view takes the same memory whatever is mapped',
      ok: equal(memory),
      detail: `${list(memory)} bytes`,
    },
    {
      name: 'mmview-5.15: CREATE is linear in what has been touched',
      ok: Math.abs(perMib[0]! / perMib[1]! - 1) < 0.2,
      detail: `${list(perMib)} cycles for a MiB of the two largest`,
    },
    {
      name: 'MIGRATE costs the same in both, whatever is mapped',
      ok: equal(switches),
      detail: `${list([...new Set(switches)])} cycles`,
    },
    {
      name: 'mmview-5.15: a first touch outside the base view takes further passes',
      ok: base.every((one, at) => one < other[at]!),
      detail: `${list(base.slice(0, 1))} and ${list(other.slice(0, 1))} cycles`,
    },
    {
      name: 'what the base touched faults again in other views only with mmview-5.15',
      ok: refaults[0] === 0 && refaults[1] === 1,
      detail: `${refaults.join(' and ')} faults`,
    },
    {
      name: 'mmview-5.15: CPUs in different views are interrupted view by view',
      ok: protect(true) > protect(false),
      detail: `${list([protect(false), protect(true)])} cycles`,
    },
    {
      name: 'subtree: what a view costs depends neither on the size nor on the number of views',
      // Averages over different numbers of calls: the same to the cycle.
      ok: Math.max(...grid) - Math.min(...grid) < 1,
      detail: `${grid.map((one) => one.toFixed(1)).join(', ')} cycles`,
    },
    ...safetyChecks(results.safety),
  ];
}

interface Point {
  readonly x: number;
  readonly y: number;
  readonly line: string;
}

const publishedLine = 'published, on hardware';
/** Every line looks the same in every plot, and is seen where another covers it. */
const looks: Readonly<Record<string, { readonly color: string; readonly dash: readonly number[] }>> = {
  subtree: { color: '#e8710a', dash: [1, 0] },
  'mmview-5.15': { color: '#3b6fb6', dash: [8, 5] },
  [publishedLine]: { color: '#666666', dash: [2, 4] },
};

function figure(points: readonly Point[], x: string, y: string, scale: 'log' | 'symlog' = 'log'): TopLevelSpec {
  const lines = Object.keys(looks).filter((name) => points.some(({ line }) => line === name));
  const values = [...new Set(points.map((point) => point.x))];
  return {
    width: 560,
    height: 300,
    data: { values: [...points] },
    mark: { type: 'line', point: true },
    encoding: {
      x: {
        field: 'x',
        type: 'quantitative',
        scale: { type: 'log', base: 2 },
        axis: { values, format: 'd', labelOverlap: false, labelBound: false, labelFlush: false },
        title: x,
      },
      y: { field: 'y', type: 'quantitative', scale: { type: scale }, title: y },
      color: {
        field: 'line',
        type: 'nominal',
        scale: { domain: lines, range: lines.map((name) => looks[name]!.color) },
        title: null,
      },
      strokeDash: {
        field: 'line',
        type: 'nominal',
        scale: { domain: lines, range: lines.map((name) => [...looks[name]!.dash]) },
        title: null,
      },
    },
  };
}

async function plots(results: Results): Promise<{ title: string; body: string }[]> {
  const full = results.bySize.filter(({ mappedMib, touchedMib }) => mappedMib === touchedMib);
  const create: Point[] = [
    ...full.map((one) => ({ x: one.touchedMib, y: nsOf(one.costs.create.cycles) / 1e3, line: one.model })),
    ...full
      .filter(({ model }) => model === 'subtree')
      .map(({ touchedMib }) => ({
        x: touchedMib,
        y: publishedCreate(touchedMib) / 1e3,
        line: publishedLine,
      })),
  ];
  const memory = full.map((one) => ({ x: one.touchedMib, y: one.bytesPerView / 1024, line: one.model }));
  const byViews = (operation: Operation): Point[] =>
    results.byViews.map((one) => ({ x: one.views + 1, y: nsOf(one.costs[operation].cycles), line: one.model }));
  const draw = async (title: string, spec: TopLevelSpec): Promise<{ title: string; body: string }> => ({
    title,
    body: `<div class="scroll">${await drawSvg(spec)}</div>`,
  });
  return [
    await draw('Creating a view', figure(create, 'MiB mapped and touched', 'µs')),
    await draw('Memory of a view', figure(memory, 'MiB mapped and touched', 'KiB of page tables')),
    await draw(
      'Creating a further view, by number of views',
      figure(
        byViews('createAll').filter(({ y }) => y > 0),
        'views',
        'ns',
      ),
    ),
    await draw(
      'Fault in a view that is not the base, by number of views',
      figure(byViews('touchOther'), 'views', 'ns'),
    ),
    await draw('mprotect of 1 MiB, by number of views', figure(byViews('protectRange'), 'views', 'ns')),
    await draw('First touch in the base view, by number of views', figure(byViews('touchBase'), 'views', 'ns')),
  ];
}

const lead = `<p>A view is another set of page tables for the same process. The kernel of the paper copies every entry when it makes one (<b>mmview-5.15</b>) and
later brings pages from the base view to the others when they fault. Our kernel lets views share page tables except on the way to
what is private (<b>subtree</b>), so that a view costs its window, not the process.</p>
<p class="note">Both are run for real: tables, faults and frames are counted, and the cost model turns them into time. The published figures are of hardware.</p>`;

const safetyNote = `<p class="note">Counted: stacks unwound, frames met, pages searched for saved contexts (where the program calls setjmp or its like), switches called unsafe. Modelled: nothing; the look is the host's, and the guest executes the same
instructions in the same cycles. Measured: the host's CPU time for a look, which differs from run to run. A kernel that did this would have to pay for it.</p>`;

const sharedTableNote = `<p class="note">A last-level page table maps 2 MiB. Where only 1 MiB is mapped, it lies in one table with the window, and with subtree, too, each view has a
table of its own there: mprotect goes through all of them. The linker keeps a program's window in 2 MiB of its own.</p>`;

/** report.html */
export async function costsPage(
  all: readonly { readonly isa: Isa; readonly own: Results }[],
  checks: readonly Check[],
): Promise<string> {
  const sections: { title: string; body: string }[] = [];
  for (const { isa, own } of all) {
    const named = (title: string): string => (all.length > 1 ? `${title} (${isa})` : title);
    const published = `<p class="note">Published: ${escapeHtml(source)}. The cost of an entry in mmview-5.15 is theirs; that creation follows the pages touched, and nothing else, is ours. Of switches, touches, faults, changes of rights and memory nothing is published for sizes and numbers of views.</p>`;
    sections.push(
      { title: named('By mapped memory'), body: `${htmlTable(sizeTable(own))}${published}` },
      { title: named(`Each operation, ${standardMib} MiB mapped`), body: htmlTable(operationTable(own)) },
      { title: named('By number of views'), body: htmlTable(viewsTable(own)) },
      {
        title: named('By mapped memory and number of views'),
        body: `${htmlTable(gridTable(own))}${sharedTableNote}${published}`,
      },
      { title: named('With other CPUs at work'), body: htmlTable(othersTable(own)) },
      {
        title: named('Looking at the stack and for saved contexts before a switch'),
        body: `${htmlTable(safetyTable(own.safety))}${safetyNote}`,
      },
      ...(await plots(own)).map(({ title, body }) => ({ title: named(title), body })),
    );
  }
  return htmlPage('What address-space views cost', lead, [...sections, { title: 'Checks', body: htmlChecks(checks) }]);
}
