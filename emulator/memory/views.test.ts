import assert from 'node:assert/strict';
import fc from 'fast-check';
import { loadEngine } from '../core/engine-loader.ts';
import { Errno } from '../errno.ts';
import { Access } from '../native/binding.ts';
import { AddressSpace } from './address-space.ts';
import { discard } from './discard.ts';
import { BytesMappable } from './mappable.ts';
import { PAGE_SIZE, PhysicalMemory } from './physical.ts';
import { protect } from './protection.ts';
import { remap } from './remap.ts';
import { UserFault } from './user-memory.ts';
import { viewModels } from './views.ts';
import { MOST_AREAS, Prot } from './vma.ts';

/** A few pages in two neighbouring last-level tables, so that tables with both kinds of ranges occur. */
const BASE = 0x20_0000 * 3 - 4 * PAGE_SIZE;
const PAGES = 8;
const RW = Prot.read | Prot.write;

type Command =
  | { op: 'map'; page: number; pages: number; kind: 'anonymous' | 'file' | 'stack' }
  | { op: 'unmap'; page: number; pages: number }
  | { op: 'write'; view: number; page: number; value: number }
  | { op: 'read'; view: number; page: number }
  | { op: 'create'; view: number }
  | { op: 'delete'; view: number }
  | { op: 'switchBase'; view: number }
  | { op: 'unshare'; page: number; pages: number }
  | { op: 'protect'; view: number; page: number; pages: number; writable: boolean }
  | { op: 'discard'; view: number; page: number; pages: number };

const page = fc.nat(PAGES - 1);
const pages = fc.integer({ min: 1, max: 4 });
const view = fc.nat(3);
const command: fc.Arbitrary<Command> = fc.oneof(
  fc.record({ op: fc.constant('map' as const), page, pages, kind: fc.constantFrom('anonymous', 'file', 'stack') }),
  fc.record({ op: fc.constant('unmap' as const), page, pages }),
  {
    weight: 4,
    arbitrary: fc.record({ op: fc.constant('write' as const), view, page, value: fc.integer({ min: 1, max: 255 }) }),
  },
  { weight: 4, arbitrary: fc.record({ op: fc.constant('read' as const), view, page }) },
  fc.record({ op: fc.constant('create' as const), view }),
  fc.record({ op: fc.constant('delete' as const), view }),
  fc.record({ op: fc.constant('switchBase' as const), view }),
  { weight: 2, arbitrary: fc.record({ op: fc.constant('unshare' as const), page, pages }) },
  fc.record({ op: fc.constant('protect' as const), view, page, pages, writable: fc.boolean() }),
  fc.record({ op: fc.constant('discard' as const), view, page, pages }),
);

/** A mapped page: contents and rights per view (shared pages use key -1). */
interface Cell {
  readonly unshared: boolean;
  readonly initial: number;
  /** A touch below it makes pages of the same kind. */
  readonly grows: boolean;
  readonly value: Map<number, number>;
  readonly writable: Map<number, boolean>;
}

/** The rule, written without page tables: what each view holds in each page. */
class Model {
  readonly cells: (Cell | undefined)[] = new Array<Cell | undefined>(PAGES).fill(undefined);
  readonly views = new Set([0]);
  key(index: number, id: number): number {
    return this.cells[index]!.unshared ? id : -1;
  }
  /** The page at an access. */
  touch(index: number): Cell | undefined {
    const above = this.cells.findIndex((cell, i) => i >= index && cell !== undefined);
    const model = this.cells[above];
    if (model?.grows)
      for (let i = index; i < above; i++) {
        const value = new Map([...model.value.keys()].map((key) => [key, 0]));
        this.cells[i] = { ...model, value, writable: new Map(model.writable) };
      }
    return this.cells[index];
  }
}

const expect = (value: number, wanted: number): void => assert.equal(value, wanted);

const FILE_BYTE = 170;

function runCommand(space: AddressSpace, file: BytesMappable, model: Model, c: Command): void {
  const at = (index: number): number => BASE + index * PAGE_SIZE;
  const ids = [...model.views];
  const id = 'view' in c ? ids[c.view % ids.length]! : 0;
  const last = 'pages' in c ? Math.min(PAGES, c.page + c.pages) : 0;
  const range = 'pages' in c ? Array.from({ length: last - c.page }, (_, i) => c.page + i) : [];
  switch (c.op) {
    case 'map':
      expect(
        space.map({
          address: at(c.page),
          length: range.length * PAGE_SIZE,
          prot: RW,
          fixed: true,
          file: c.kind === 'file' ? { mappable: file, offset: 0 } : undefined,
          growsDownTo: c.kind === 'stack' ? BASE : undefined,
        }),
        at(c.page),
      );
      for (const i of range) {
        const initial = c.kind === 'file' ? FILE_BYTE : 0;
        const [value, writable] = [new Map([[-1, initial]]), new Map([[-1, true]])];
        model.cells[i] = { unshared: false, initial, grows: c.kind === 'stack', value, writable };
      }
      break;
    case 'unmap':
      expect(space.unmap(at(c.page), range.length * PAGE_SIZE), 0);
      for (const i of range) model.cells[i] = undefined;
      break;
    case 'discard':
      expect(
        discard(space, id, at(c.page), at(last)),
        range.some((i) => model.cells[i] === undefined) ? -Errno.ENOMEM : 0,
      );
      for (const i of range) model.cells[i]?.value.set(model.key(i, id), model.cells[i].initial);
      break;
    case 'unshare':
      if (model.views.size > 1) break;
      space.setViewShared(at(c.page), range.length * PAGE_SIZE, false);
      for (const i of range) {
        const cell = model.cells[i];
        if (cell === undefined || cell.unshared) continue;
        const only = [...model.views][0]!;
        model.cells[i] = {
          ...cell,
          unshared: true,
          value: new Map([[only, cell.value.get(-1)!]]),
          writable: new Map([[only, cell.writable.get(-1)!]]),
        };
      }
      break;
    case 'create': {
      if (model.views.size > 5) break;
      const made = space.createView(id);
      for (const cell of model.cells) {
        if (!cell?.unshared) continue;
        cell.value.set(made, cell.value.get(id)!);
        cell.writable.set(made, cell.writable.get(id)!);
      }
      model.views.add(made);
      break;
    }
    case 'delete':
      if (id === space.views.base) break;
      space.deleteView(id);
      model.views.delete(id);
      break;
    case 'switchBase':
      space.views.switchBase(id);
      break;
    case 'protect': {
      const cells = range.map((i) => model.cells[i]);
      const result = protect(space, id, at(c.page), range.length * PAGE_SIZE, c.writable ? RW : Prot.read);
      if (new Set(cells.flatMap((cell) => cell?.unshared ?? [])).size > 1) {
        expect(result, -Errno.EACCES);
        break;
      }
      expect(result, cells.includes(undefined) ? -Errno.ENOMEM : 0);
      for (const i of range) {
        if (model.cells[i] === undefined) break;
        model.cells[i].writable.set(model.key(i, id), c.writable);
      }
      break;
    }
    case 'write': {
      const cell = model.touch(c.page);
      const memory = space.userMemory(id);
      if (cell?.writable.get(model.key(c.page, id))) {
        memory.setU8(at(c.page) + 5, c.value);
        cell.value.set(model.key(c.page, id), c.value);
      } else {
        assert.throws(() => memory.setU8(at(c.page) + 5, c.value), UserFault);
      }
      break;
    }
    case 'read': {
      const cell = model.touch(c.page);
      const memory = space.userMemory(id);
      if (cell === undefined) assert.throws(() => memory.u8(at(c.page) + 5), UserFault);
      else expect(memory.u8(at(c.page) + 5), cell.value.get(model.key(c.page, id))!);
      break;
    }
  }
}

describe('views of an address space', function () {
  this.timeout(60_000);
  const physical = new PhysicalMemory(loadEngine(), 4096 * PAGE_SIZE);
  const file = new BytesMappable(physical, 'file', new Uint8Array(PAGES * PAGE_SIZE).fill(FILE_BYTE));
  for (let i = 0; i < PAGES; i++) file.sharedFrame(i);

  for (const model of viewModels)
    it(`hold what a map from (view, page) to contents and rights holds, and leak no frame (${model})`, () => {
      fc.assert(
        fc.property(fc.array(command, { minLength: 1, maxLength: 60, size: 'max' }), (commands) => {
          const before = physical.framesUsed;
          const space = new AddressSpace(physical, model);
          const rule = new Model();
          for (const c of commands) runCommand(space, file, rule, c);
          for (const id of rule.views)
            for (let i = 0; i < PAGES; i++)
              runCommand(space, file, rule, { op: 'read', view: [...rule.views].indexOf(id), page: i });
          space.destroy();
          assert.equal(physical.framesUsed, before);
        }),
        { numRuns: 500 },
      );
    });

  for (const model of viewModels)
    it(`share what is mapped over an unshared range, whichever view leads (${model})`, () => {
      const space = new AddressSpace(physical, model);
      const mapPage = (): number => space.map({ address: BASE, length: PAGE_SIZE, prot: RW, fixed: true });
      mapPage();
      space.setViewShared(BASE, PAGE_SIZE, false);
      mapPage();
      const second = space.createView(0);
      space.userMemory(0).setU8(BASE, 1);
      space.views.switchBase(second);
      assert.equal(space.userMemory(second).u8(BASE), 1);
      assert.equal(space.userMemory(0).u8(BASE), 1);
      space.destroy();
    });

  it('cost the window, not the process', () => {
    const tablesFor = (mapped: number): number => {
      const space = new AddressSpace(physical);
      space.map({ address: 2 ** 30, length: mapped, prot: RW, fixed: true });
      for (let va = 2 ** 30; va < 2 ** 30 + mapped; va += PAGE_SIZE) space.userMemory(0).setU8(va, 1);
      space.map({ address: 2 ** 29, length: PAGE_SIZE, prot: RW, fixed: true });
      space.userMemory(0).setU8(2 ** 29, 1);
      space.setViewShared(2 ** 29, PAGE_SIZE, false);
      const before = physical.framesUsed;
      space.createView(0);
      const used = physical.framesUsed - before;
      space.destroy();
      return used;
    };
    assert.equal(tablesFor(PAGE_SIZE), tablesFor(1500 * PAGE_SIZE));
  });

  for (const model of viewModels)
    it(`give tables back that nothing needs any more, and no others (${model})`, () => {
      const space = new AddressSpace(physical, model);
      const block = 2 ** 21;
      const mapAt = (address: number): void => {
        space.map({ address, length: PAGE_SIZE, prot: RW, fixed: true });
        space.userMemory(0).setU8(address, 1);
      };
      mapAt(block);
      space.setViewShared(block, PAGE_SIZE, false);
      const second = space.createView(0);
      const before = physical.framesUsed;
      mapAt(5 * block - PAGE_SIZE); // two blocks with a neighbour in the first
      mapAt(4 * block);
      mapAt(5 * block);
      space.unmap(5 * block - PAGE_SIZE, 2 * PAGE_SIZE);
      assert.equal(space.userMemory(second).u8(4 * block), 1);
      space.unmap(4 * block, PAGE_SIZE);
      assert.equal(physical.framesUsed, before);
      mapAt(4 * block);
      assert.equal(space.userMemory(second).u8(4 * block), 1);
      space.userMemory(second).setU8(block, 2);
      assert.equal(space.userMemory(0).u8(block), 1);
      space.destroy();
    });

  for (const model of viewModels)
    it(`give the tables back of what a move cuts off (${model})`, () => {
      const space = new AddressSpace(physical, model);
      const block = 0x20_0000;
      const [address, target] = [64 * block, 1024 * block];
      space.map({ address, length: 4 * block, prot: RW, fixed: true });
      const before = physical.framesUsed;
      for (const at of [0, 1, 3]) space.userMemory(0).setU8(address + at * block, at + 1);
      const move = (from: number, oldLength: number, newLength: number, newAddress: number): void => {
        const request = {
          address: from,
          oldLength,
          newLength,
          mayMove: true,
          fixed: true,
          dontUnmap: false,
          newAddress,
        };
        assert.equal(remap(space, 0, request), newAddress);
      };
      move(address, 4 * block, 1.5 * block, target);
      assert.equal(space.userMemory(0).u8(target + block), 2);
      // What was cut off ends in the table in which the new place begins.
      const behind = target + 1.5 * block;
      move(target, 1.5 * block, 0.5 * block, behind);
      assert.equal(space.userMemory(0).u8(behind), 1);
      space.unmap(behind, 0.5 * block);
      assert.equal(physical.framesUsed, before);
      space.destroy();
    });

  it('never map a page writable and executable at once', () => {
    const space = new AddressSpace(physical);
    const address = space.map({ address: 0, length: PAGE_SIZE, prot: RW | Prot.exec });
    const flags = (): number => physical.u32[space.views.find(0, address)]! & (Access.write | Access.exec);
    assert.ok(space.fault(0, address, Access.write) >= 0);
    assert.equal(flags(), Access.write);
    assert.ok(space.fault(0, address, Access.exec) >= 0);
    assert.equal(flags(), Access.exec);
    const generation = physical.codeGeneration;
    assert.ok(space.fault(0, address, Access.write) >= 0);
    assert.equal(flags(), Access.write);
    assert.notEqual(physical.codeGeneration, generation);
    space.destroy();
  });

  it('lets mprotect give rights to read and to execute to the pages that are there, without another fault', () => {
    const space = new AddressSpace(physical);
    const address = space.map({ address: 0, length: 2 * PAGE_SIZE, prot: RW });
    const flags = (view = 0): number => physical.u32[space.views.find(view, address)]! & 14;
    space.setViewShared(address, PAGE_SIZE, false);
    space.userMemory(0).setU8(address, 1);
    const other = space.createView(0);
    const give = (prot: number): void => assert.equal(protect(space, 0, address, PAGE_SIZE, prot), 0);
    give(Prot.none);
    assert.equal(flags(), 0);
    give(Prot.read | Prot.exec);
    assert.equal(flags(), Access.read | Access.exec);
    // The other view's rights are its own, and its page may still be copied.
    assert.equal(flags(other), Access.read);
    // Writing waits for a fault, and its first store is one into what may have been translated.
    give(RW);
    assert.equal(flags(), Access.read);
    space.userMemory(0).setU8(address, 2);
    assert.equal(flags(), Access.read | Access.write);
    assert.equal(space.userMemory(other).u8(address), 1);
    give(Prot.read | Prot.exec);
    const generation = physical.codeGeneration;
    give(RW);
    space.userMemory(0).setU8(address, 3);
    assert.notEqual(physical.codeGeneration, generation);
    // Where both are allowed a page keeps the one it has.
    give(RW | Prot.exec);
    assert.equal(flags(), Access.read | Access.write);
    space.destroy();
  });

  it('refuses to split areas where there are too many: UNSHARE, mprotect and a hole; not what needs no border', () => {
    const space = new AddressSpace(physical);
    const address = 2 ** 30;
    const area = (start: number, pages: number, prot: number): void => {
      space.map({ address: start, length: pages * PAGE_SIZE, prot, fixed: true });
    };
    const two = 2 ** 29;
    area(two, 2, RW);
    area(address, 3, RW);
    for (let at = 1; space.areas.length < MOST_AREAS - 1; at++) area(address + at * 8 * PAGE_SIZE, 1, RW);
    const middle = address + PAGE_SIZE;
    assert.equal(space.setViewShared(middle, PAGE_SIZE, false), -Errno.ENOMEM);
    assert.equal(protect(space, 0, middle, PAGE_SIZE, Prot.read), -Errno.ENOMEM);
    assert.equal(protect(space, 0, middle, PAGE_SIZE, RW), 0);
    assert.equal(space.unsharedRanges().length, 0);
    assert.equal(space.setViewShared(address, PAGE_SIZE, false), 0);
    assert.equal(space.areas.length, MOST_AREAS);
    assert.equal(space.unmap(middle + PAGE_SIZE, PAGE_SIZE), 0);
    assert.equal(space.setViewShared(address, 8 * PAGE_SIZE, false), 0, 'whole areas');
    assert.equal(space.areas.length, MOST_AREAS);
    // The two pages that are left have become equal: in need of room they are one area again. But not while another view has other rights there.
    const other = space.createView(0);
    protect(space, other, middle, PAGE_SIZE, Prot.read);
    assert.equal(protect(space, 0, two, PAGE_SIZE, Prot.read), -Errno.ENOMEM);
    protect(space, other, middle, PAGE_SIZE, RW);
    assert.equal(protect(space, 0, two, PAGE_SIZE, Prot.read), 0);
    assert.ok(space.areas.find(address) === space.areas.find(middle));
    space.destroy();
  });
});
