import { MelfError } from '../../base/errors.ts';
import { type DecodedInstruction, Decoder, MemoryAccess } from '../isa/decoder.ts';
import type { Isa } from '../isa/isa.ts';
import { classCosts } from './class-costs.ts';
import { Aarch64Classifier } from './classes-aarch64.ts';
import { X86Classifier } from './classes-x86-64.ts';
import type { InstructionClass } from './instruction-class.ts';
import { type KernelCosts, kernelCosts, type ViewModelName } from './kernel-costs.ts';

/** What a block costs each time that it runs. */
export interface BlockCharge {
  readonly cycles: number;
  readonly instructions: number;
}

/** How time passes: cycles per block of guest code and per service of the kernel. Deterministic: the same bytes cost the same. */
export interface CostModel {
  readonly name: CostModelName;
  readonly isa: Isa;
  /**
   * The cost of executing the block `code` at `va` once. Bytes that do not decode count as one instruction (AArch64: one per word): the engine
   * knew what to do with them.
   */
  block(code: Uint8Array, va: number): BlockCharge;
  /** The part of {@link block} that was charged for the instructions from `fromPc` on: what to take back when the one at `fromPc` faulted. */
  uncharge(code: Uint8Array, va: number, fromPc: number): BlockCharge;
  readonly costs: KernelCosts;
  /** This model with other cycles for some classes of instructions, for a CPU kind of its own. `count` stays as it is. */
  withCycles(cycles: ClassCycles): CostModel;
}

/** Cycles of some classes of instructions. */
export type ClassCycles = Readonly<Partial<Record<InstructionClass, number>>>;

export const costModelNames = ['count', 'inorder'] as const;
export type CostModelName = (typeof costModelNames)[number];

interface Classifier {
  classOf(instruction: DecodedInstruction): InstructionClass;
  memoryOf(instruction: DecodedInstruction): number;
}

/** One classified instruction, for tests and `melf inspect`. */
export interface ClassifiedInstruction {
  readonly offset: number;
  readonly size: number;
  readonly class: InstructionClass;
  readonly loads: boolean;
  readonly stores: boolean;
  readonly cycles: number;
}

class DecodingModel implements CostModel {
  readonly name: CostModelName;
  readonly isa: Isa;
  readonly costs: KernelCosts;
  readonly #decoder: Decoder;
  readonly #classifier: Classifier;
  readonly #views: ViewModelName;
  readonly #cycles: Readonly<Record<InstructionClass, number>>;

  constructor(name: CostModelName, views: ViewModelName, decoder: Decoder, cycles: ClassCycles = {}) {
    this.name = name;
    this.isa = decoder.isa;
    this.costs = kernelCosts(views);
    this.#views = views;
    this.#cycles = { ...classCosts[decoder.isa].cycles, ...cycles };
    this.#decoder = decoder;
    this.#classifier = decoder.isa === 'x86-64' ? new X86Classifier(decoder) : new Aarch64Classifier(decoder);
  }

  withCycles(cycles: ClassCycles): CostModel {
    return new DecodingModel(this.name, this.#views, this.#decoder, cycles);
  }

  block(code: Uint8Array, va: number): BlockCharge {
    return this.#charge(code, va, 0);
  }

  uncharge(code: Uint8Array, va: number, fromPc: number): BlockCharge {
    return this.#charge(code, va, fromPc - va);
  }

  #charge(code: Uint8Array, va: number, fromOffset: number): BlockCharge {
    let cycles = 0;
    let instructions = 0;
    this.#walk(code, va, (offset, instruction) => {
      if (offset < fromOffset) return;
      instructions++;
      cycles += this.#cyclesOf(instruction);
    });
    return { cycles, instructions };
  }

  classify(code: Uint8Array, va: number): ClassifiedInstruction[] {
    const list: ClassifiedInstruction[] = [];
    this.#walk(code, va, (offset, instruction) => {
      const memory = instruction === undefined ? 0 : this.#classifier.memoryOf(instruction);
      list.push({
        offset,
        size: instruction?.size ?? 0,
        class: instruction === undefined ? 'alu' : this.#classifier.classOf(instruction),
        loads: (memory & MemoryAccess.read) !== 0,
        stores: (memory & MemoryAccess.write) !== 0,
        cycles: this.#cyclesOf(instruction),
      });
    });
    return list;
  }

  /** Every instruction of the block in order; `undefined` for bytes that Capstone does not know. */
  #walk(
    code: Uint8Array,
    va: number,
    each: (offset: number, instruction: DecodedInstruction | undefined) => void,
  ): void {
    let start = 0;
    for (;;) {
      start += this.#decoder.forEach(start === 0 ? code : code.subarray(start), va + start, (instruction) =>
        each(start + instruction.offset, instruction),
      );
      if (start >= code.length) return;
      each(start, undefined);
      if (this.isa === 'x86-64') return; // its length is unknown too
      start += 4;
    }
  }

  #cyclesOf(instruction: DecodedInstruction | undefined): number {
    if (this.name === 'count' || instruction === undefined) return 1;
    const { loadOperand, storeOperand } = classCosts[this.isa];
    const cycles = this.#cycles;
    const found = this.#classifier.classOf(instruction);
    const memory = this.#classifier.memoryOf(instruction);
    const operands = (memory & MemoryAccess.read ? loadOperand : 0) + (memory & MemoryAccess.write ? storeOperand : 0);
    // An atomic or string operation's figure has its accesses in it; a plain move is its access.
    if (found === 'atomic' || found === 'string') return cycles[found];
    if ((found === 'move' || found === 'float-move') && operands > 0) return operands;
    return cycles[found] + operands;
  }
}

const models = new Map<string, Promise<DecodingModel>>();

/** The model of that name for `isa`, with views created as `views` says. The first call loads Capstone (about 0.1 s). */
export function loadCostModel(name: CostModelName, isa: Isa, views: ViewModelName = 'subtree'): Promise<CostModel> {
  return loadModel(name, isa, views);
}

function loadModel(name: CostModelName, isa: Isa, views: ViewModelName): Promise<DecodingModel> {
  const key = `${name} ${isa} ${views}`;
  let model = models.get(key);
  if (model === undefined) {
    if (!costModelNames.includes(name)) {
      throw new MelfError('timing.unknown-model', `There is no cost model called "${name}"`, {
        hint: `Use one of: ${costModelNames.join(', ')}.`,
      });
    }
    model = Decoder.load(isa).then((decoder) => new DecodingModel(name, views, decoder));
    models.set(key, model);
  }
  return model;
}

/** Class, memory accesses and `inorder` cost of each instruction in `code`. */
export async function classify(isa: Isa, code: Uint8Array, va = 0): Promise<ClassifiedInstruction[]> {
  return (await loadModel('inorder', isa, 'subtree')).classify(code, va);
}
