import { createRequire } from 'node:module';
import { MelfError } from '../../base/errors.ts';
import { installedEngine } from '../../setup/engine.ts';
import type { NativeBinding } from '../native/binding.ts';
import { selfTest } from './self-test.ts';

/** The engine is not built, or its Unicorn is too old. */
export class EngineError extends MelfError {}

const LEAST = 0x02010400;
let loaded: NativeBinding | undefined;

/**
 * The addon that set-up built. Loading checks the library's version (2.0.1 under the same soname runs garbage instead of
 * failing) and that stops and faults are exact with the cheap exit check; if they are not, the stock addon is taken.
 *
 * @param options.stock take the addon with Unicorn's own exit checks, to compare speed
 */
export function loadEngine(options: { stock?: boolean } = {}): NativeBinding {
  if (loaded !== undefined && !options.stock) return loaded;
  const engine = installedEngine();
  if (engine === undefined) {
    throw new EngineError('engine.missing', 'the emulation engine is not built yet', {
      hint: 'run `npm run melf -- --help` once: every command sets up what it needs',
    });
  }
  if (options.stock) return open(engine.stockAddon);
  const fast = open(engine.addon);
  loaded = selfTest(fast) ? fast : open(engine.stockAddon);
  return loaded;
}

function open(path: string): NativeBinding {
  const binding = createRequire(import.meta.url)(path) as NativeBinding;
  if (binding.version() < LEAST) {
    throw new EngineError('engine.version', 'the Unicorn library is older than 2.1.4', {
      facts: { version: `0x${binding.version().toString(16)}` },
      hint: 'remove .cache/engine and start again: set-up then fetches a fitting one',
    });
  }
  return binding;
}
