import { readableSignatures } from '../base/demangle.ts';
import type { ErrorFacts } from '../base/errors.ts';
import { MelfError } from '../base/errors.ts';

/** A place that a diagnostic points at: a file, or a section of it. */
export interface Place {
  /** `defined in`, `referenced by`, `needed by`, … */
  readonly role: string;
  readonly where: string;
}

/** As many places as a person wants to read, and how many more there are. */
export function firstPlaces(places: readonly Place[]): Place[] {
  const [most, { length }] = [8, places];
  return length > most ? [...places.slice(0, most), { role: 'and', where: `${length - most} more` }] : [...places];
}

/** One problem found while linking, in the three-line form that lld made familiar. */
export interface Diagnostic {
  readonly severity: 'error' | 'warning' | 'note';
  /** Stable and machine readable, e.g. `link.undefined-symbol`. */
  readonly code: string;
  readonly message: string;
  readonly places: readonly Place[];
  readonly hint?: string;
  readonly facts?: ErrorFacts;
}

/** A link that cannot be done. `diagnostics` holds every problem found, and notes of what was left out; the message shows them. */
export class LinkError extends MelfError {
  readonly diagnostics: readonly Diagnostic[];

  constructor(
    code: string,
    message: string,
    options: {
      facts?: ErrorFacts;
      hint?: string;
      cause?: unknown;
      diagnostics?: readonly Diagnostic[];
    } = {},
  ) {
    super(code, message, options);
    this.diagnostics = options.diagnostics ?? [];
  }
}

const DAMAGED = 'the file is damaged, or made by a tool that the ELF specification does not bind: make it again';
const CUT_SHORT = 'it is cut short, as a full disk or an interrupted tool leaves it: make it again';

/** A file that is not what it claims to be: truncated, malformed or of an unsupported kind. */
export class InputError extends LinkError {
  constructor(code: string, path: string, message: string, hint?: string, facts: ErrorFacts = {}) {
    const usual = code.endsWith('.truncated') ? CUT_SHORT : code.endsWith('.malformed') ? DAMAGED : undefined;
    super(code, `${path}: ${message}`, { facts: { file: path, ...facts }, hint: hint ?? usual });
  }
}

/** `what`, then one `>>> role where` line for each place, then the hint. */
export function formatDiagnostic(d: Diagnostic): string {
  const lines = [`${d.severity}: ${d.message}`];
  for (const place of d.places) lines.push(`>>> ${place.role} ${place.where}`);
  if (d.hint !== undefined) lines.push(`>>> hint: ${d.hint}`);
  return lines.join('\n');
}

/** With names of C++ as their programmer wrote them. The facts keep what linkers know them by. */
function readable(list: readonly Diagnostic[]): Diagnostic[] {
  // So that c++filt is started once for all of them.
  readableSignatures(list.map(formatDiagnostic).join('\n'));
  return list.map((d) => ({
    ...d,
    message: readableSignatures(d.message),
    places: d.places.map(({ role, where }) => ({ role: readableSignatures(role), where })),
    hint: d.hint && readableSignatures(d.hint),
  }));
}

/**
 * Collects problems so that one run shows all of them. Repeats of one code beyond `limit` are counted, not shown.
 */
export class Diagnostics {
  readonly all: Diagnostic[] = [];
  readonly #counts = new Map<string, number>();
  readonly #limit: number;
  #errors = 0;

  constructor(limit = 20) {
    this.#limit = limit;
  }

  get errorCount(): number {
    return this.#errors;
  }

  error(code: string, message: string, places: readonly Place[] = [], hint?: string, facts?: ErrorFacts): void {
    this.#errors++;
    this.#add({ severity: 'error', code, message, places, hint, facts });
  }

  warn(code: string, message: string, places: readonly Place[] = [], hint?: string, facts?: ErrorFacts): void {
    this.#add({ severity: 'warning', code, message, places, hint, facts });
  }

  #add(d: Diagnostic): void {
    const seen = (this.#counts.get(d.code) ?? 0) + 1;
    this.#counts.set(d.code, seen);
    if (seen <= this.#limit) this.all.push(d);
  }

  /** What a link that succeeds warns of, and how much more of it there is. */
  get warnings(): readonly Diagnostic[] {
    return readable([...this.all.filter((d) => d.severity === 'warning'), ...this.#notes()]);
  }

  #notes(): Diagnostic[] {
    return [...this.#counts]
      .filter(([, count]) => count > this.#limit)
      .map(([code, count]) => {
        const more = count - this.#limit;
        return { severity: 'note', code, message: `${more} more of ${code} not shown`, places: [], facts: { more } };
      });
  }

  /** Throws a `LinkError` when any error was reported; called between phases. */
  check(): void {
    if (this.#errors === 0) return;
    const diagnostics = readable([...this.all, ...this.#notes()]);
    const lines = diagnostics.filter((d) => d.severity !== 'warning').map(formatDiagnostic);
    const first = diagnostics.find((d) => d.severity === 'error')!;
    // Whoever shows the message says that it is an error.
    throw new LinkError(first.code, lines.join('\n').replace(/^error: /, ''), {
      diagnostics,
      facts: first.facts,
    });
  }
}

/** A file that cannot be read at all or a wrong command line ends the link with one problem; others are collected. */
export function diagnosticsOf(error: MelfError): readonly Diagnostic[] {
  if (error instanceof LinkError && error.diagnostics.length > 0) return error.diagnostics;
  const { code, message, hint, facts } = error;
  return [{ severity: 'error', code, message, places: [], hint, facts }];
}
