import type { BuildId } from './build-id.ts';
import type { Isa } from './object.ts';

/** One input of a link. */
export interface LinkInput {
  /** Path of an object or archive; with `bytes` only its name. */
  readonly path: string;
  /** What diagnostics and maps name instead of the path: the source of an object that is gone when they are read. */
  readonly shownAs?: string;
  /** Who gave it, when that is not the user, who does not know its name. */
  readonly givenBy?: string;
  readonly bytes?: Uint8Array;
  /** Name of the variant it belongs to; absent: common code. */
  readonly variant?: string;
  /**
   * Translation unit. Objects of different variants with the same unit are compiles of one source. Absent: derived from
   * the path (the shortest ending of it that is unique in its variant), so that input order never matters.
   */
  readonly unit?: string;
  /** Take every member of an archive, needed or not. */
  readonly wholeArchive?: boolean;
  /** Number of the `--start-group` that holds it. Inside of a group, archives answer for common symbols whatever their order. */
  readonly group?: number;
  /** Take an object only if something refers to it, as if it were an archive of one. */
  readonly lazy?: boolean;
}

/** One variant of the multivariant functions. */
export interface VariantSpec {
  readonly name: string;
  /** How it was compiled; recorded in `.melf`. */
  readonly flags?: string;
}

/** Everything that determines the output: the same options and inputs give the same bytes. */
export interface LinkOptions {
  /** Absent: that of the first object. */
  readonly isa?: Isa;
  /** Who chose it, for diagnostics. */
  readonly isaGivenBy?: string;
  readonly inputs: readonly LinkInput[];
  /** Absent or of fewer than two: an ordinary executable. */
  readonly variants?: readonly VariantSpec[];
  /** The variant that runs when nobody chooses one; absent: the first. */
  readonly defaultVariant?: string;
  readonly entry?: string;
  /** A program without that symbol begins where its code does, with a warning, as ld has it; otherwise that is an error. */
  readonly entryOptional?: boolean;
  /** Symbols that must be linked in although nothing refers to them (`-u`). */
  readonly undefinedSymbols?: readonly string[];
  /** Symbols that are linked in likewise, and that something must define (`--require-defined`). */
  readonly requiredSymbols?: readonly string[];
  /** `name` to a sum of symbols and numbers, as `b-4`. */
  readonly defsyms?: Readonly<Record<string, string>>;
  readonly wrap?: readonly string[];
  readonly gcSections?: boolean;
  /** Functions that stay common code, as patterns (`*` and `?`): the default variant's bodies are used. */
  readonly common?: readonly string[];
  /** Functions that are multivariant, as patterns; absent: all that are not common. */
  readonly multivariant?: readonly string[];
  /** Of several definitions of one name the first counts (`-z muldefs`). */
  readonly multipleDefinitions?: boolean;
  /** Writable data that not every variant has is an error, not a warning. */
  readonly strictData?: boolean;
  /** Functions that get pages of their own in the overlay window, as patterns. */
  readonly pageAlign?: readonly string[];
  /** Whether `common`, `multivariant` and `pageAlign` are a whole project's, so that this program need not have all those functions. */
  readonly patternsOfProject?: boolean;
  /** A position-independent executable that relocates itself (static-PIE); its start-up file must be rcrt1.o. */
  readonly pie?: boolean;
  /** Where the ELF header lies: a multiple of the largest page. */
  readonly imageBase?: number;
  readonly relro?: boolean;
  readonly buildId?: BuildId;
  readonly executableStack?: boolean;
  /** `p_memsz` of PT_GNU_STACK, bytes: musl gives threads stacks of that size unless they ask for another (`-z stack-size`). */
  readonly stackSize?: number;
  readonly stripDebug?: boolean;
  readonly stripAll?: boolean;
  /** Free text about the build, recorded in `.melf`. */
  readonly buildFlags?: string;
  /** Most errors of one kind that are shown. */
  readonly errorLimit?: number;
  /** Note the time and the process's memory of each phase. */
  readonly measure?: boolean;
}

/** Turns a `*`/`?` pattern into a predicate over whole names. (libmelf's, overlay/guest/libmelf/melf-glob.h, means the same.) */
export function globMatcher(patterns: readonly string[]): (name: string) => boolean {
  if (patterns.length === 0) return () => false;
  const sources = patterns.map((p) =>
    p
      .replace(/[.+^${}()|[\]\\]/g, '\\$&')
      .replaceAll('*', '.*')
      .replaceAll('?', '.'),
  );
  const regex = new RegExp(`^(?:${sources.join('|')})$`, 'su');
  return (name) => regex.test(name);
}
