import { createRequire } from 'node:module';
import { MelfError } from '../../base/errors.ts';
import { installedEngine } from '../../setup/engine.ts';
import type { Isa } from '../isa/isa.ts';
import type { NativeBinding } from '../native/binding.ts';
import { selfTest } from './self-test.ts';

/** The engine is not built, or its Unicorn is too old. */
export class EngineError extends MelfError {}

const LEAST = 0x02010400;
let loaded: NativeBinding | undefined;
const checked = new Set<Isa>();

/** `MELF_ENGINE=stock` takes the addon that changes nothing in the engine. */
const STOCK = 'stock';

/**
 * The addon that set-up built. Loading checks the library's version (2.0.1 under the same soname runs garbage instead of
 * failing) and that calls, charges, stops and faults are exact with what the addon replaces in the engine. If they are not, the process ends with an
 * error: the library has taken the addon's functions by then, so the stock addon must be chosen before.
 *
 * @param options.isa what will be emulated: is checked, once
 * @param options.stock take the addon with Unicorn's own exit checks, to compare speed: first in a process, or never
 */
export function loadEngine(options: { isa?: Isa; stock?: boolean } = {}): NativeBinding {
  const { isa = 'x86-64' } = options;
  loaded ??= open(options.stock === true || process.env.MELF_ENGINE === STOCK);
  if (checked.has(isa)) return loaded;
  if (!selfTest(loaded, isa)) {
    throw new EngineError('engine.self-test', `the engine does not do what it must on ${isa}`, {
      hint: `run with MELF_ENGINE=${STOCK} in the environment, which is slower and replaces nothing in the engine, and report this`,
    });
  }
  checked.add(isa);
  return loaded;
}

function open(stock: boolean): NativeBinding {
  const engine = installedEngine();
  if (engine === undefined) {
    throw new EngineError('engine.missing', 'the emulation engine is not built yet', {
      hint: 'Start any scenario, or a program by `npm run melf -- run`: they build it. A program of your own awaits ensureEngine() of setup/engine.ts first. (It is built anew after a change below emulator/native.)',
    });
  }
  const binding = createRequire(import.meta.url)(stock ? engine.stockAddon : engine.addon) as NativeBinding;
  if (binding.version() < LEAST) {
    throw new EngineError('engine.version', 'the Unicorn library is older than 2.1.4', {
      facts: { version: `0x${binding.version().toString(16)}` },
      hint: 'remove .cache/engine and start again: set-up then fetches a fitting one',
    });
  }
  return binding;
}
