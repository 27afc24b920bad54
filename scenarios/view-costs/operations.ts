/** What is measured, in the order of costs.c. */
export const operations = [
  'nothing',
  'touchAlone',
  'protectAlone',
  'protectRangeAlone',
  'create',
  'createAll',
  'switch',
  'present',
  'touchBase',
  'touchOther',
  'refault',
  'copyOwn',
  'protectShared',
  'protectRange',
  'protectOwn',
  'delete',
] as const;
export type Operation = (typeof operations)[number];

/** What each is called where people read. */
export const operationTitles: Readonly<Record<Operation, string>> = {
  nothing: 'the measurement itself',
  touchAlone: 'first touch of a page, with one view',
  protectAlone: 'mprotect of one page, with one view',
  protectRangeAlone: 'mprotect of 1 MiB, with one view',
  create: 'CREATE, the first',
  createAll: 'CREATE, each further one',
  switch: 'MIGRATE',
  present: 'touch a page that was there at CREATE, in the new view',
  touchBase: 'first touch of a page, in the base view',
  touchOther: 'first touch of a page, in another view',
  refault: 'touch in another view what the base view touched first',
  copyOwn: 'first write to a private page (copy)',
  protectShared: 'mprotect of one shared page',
  protectRange: 'mprotect of 1 MiB, shared',
  protectOwn: 'mprotect of 256 KiB, private to the view',
  delete: 'DELETE',
};

/** Average of one operation. */
export interface Cost {
  /** Model cycles. */
  readonly cycles: number;
  readonly faults: number;
  /** Frames that it took (tables, pages). */
  readonly frames: number;
}

export type Costs = Readonly<Record<Operation, Cost>>;
