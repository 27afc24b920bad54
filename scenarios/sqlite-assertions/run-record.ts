import type { Form } from './forms.ts';

export interface MachineSettings {
  readonly isa: 'x86-64' | 'aarch64';
  /** Name of a machine description. */
  readonly description: string;
  readonly costModel: 'count' | 'inorder';
  /** One-way network latency, ns. */
  readonly networkLatency: number;
}

/** What the clients of a run do. */
export interface Load {
  readonly clients: number;
  /** Of each client. */
  readonly statements: number;
  /** Mean time from a reply to the next request, ns. */
  readonly think: number;
}

/** A database, and how often its power fails. */
export interface LedgerInput {
  readonly program: 'ledger';
  /** As in ledger-modes.ts. */
  readonly mode: string;
  readonly executable: string;
  readonly seed: number;
  readonly failures: number;
  readonly machine: MachineSettings;
}

/** One run of one of the programs; it goes to a process of its own. */
export type RunInput =
  | LedgerInput
  | {
      readonly program: 'service';
      readonly configuration: string;
      readonly executable: string;
      readonly seed: number;
      readonly load: Load;
      readonly machine: MachineSettings;
    }
  | {
      readonly program: 'speedtest1';
      readonly form: Form;
      readonly variant: string;
      readonly executable: string;
      readonly seed: number;
      readonly size: number;
      readonly machine: MachineSettings;
    };

/** One statement of a client, from the request's arrival in its thread to the reply's departure. */
export interface StatementRecord {
  readonly client: number;
  readonly statement: number;
  /** What the service wanted. */
  readonly asserted: boolean;
  /** The view that the machine had the thread in when SQLite was called. */
  readonly view: number;
  readonly instructions: number;
  readonly cycles: number;
  readonly tlbMisses: number;
  /** Virtual ns that the client waited. */
  readonly latency: number;
}

/** An assertion that failed. */
export interface AssertionFailure {
  /** Number of the client whose thread it was. */
  readonly thread: number;
  readonly variant: string;
  /** `sqlite3.c:72851` */
  readonly where: string;
  readonly expression: string;
  /** Functions, innermost first. */
  readonly stack: readonly string[];
}

export interface ServiceRecord {
  readonly program: 'service';
  readonly configuration: string;
  readonly seed: number;
  readonly statements: readonly StatementRecord[];
  readonly failures: readonly AssertionFailure[];
  /** Over every reply of every client, in each client's order. */
  readonly answersHash: string;
  /** Of integrity_check. */
  readonly integrity: string;
  readonly contentHash: string;
  readonly rows: number;
  readonly wrong: readonly string[];
  readonly wrongCount: number;
  readonly requests: number;
  readonly exitCode: number;
  /** Calls of sqlite3_reset, which the service makes once for each statement, as the machine counted them by view. */
  readonly resets: { readonly noassert: number; readonly assert: number };
  /** Of sqlite3_bind_int64, by which a statement begins that has numbers for parameters. */
  readonly binds: { readonly noassert: number; readonly assert: number };
  readonly switches: number;
  readonly instructions: number;
  /** Virtual ns from the first request to the last reply. */
  readonly time: number;
  readonly traceHash: string;
  readonly unimplemented: Readonly<Record<string, number>>;
  readonly hostSeconds: number;
}

export interface SpeedtestRecord {
  readonly program: 'speedtest1';
  readonly form: Form;
  readonly variant: string;
  readonly verificationHash: string;
  readonly instructions: number;
  readonly cycles: number;
  /** Virtual ns. */
  readonly time: number;
  readonly exitCode: number;
  readonly failures: readonly AssertionFailure[];
  readonly unimplemented: Readonly<Record<string, number>>;
  readonly hostSeconds: number;
}

/** What a power failure left of the database. */
export interface PowerFailure {
  /** The last transaction that the program had been told is committed. */
  readonly committed: number;
  readonly found: {
    /** Why the database is not sound, if it is not. */
    readonly damage?: string | undefined;
    /** The last transaction in it. */
    readonly last: number;
  };
}

export interface LedgerRecord {
  readonly program: 'ledger';
  readonly mode: string;
  readonly seed: number;
  readonly failures: readonly PowerFailure[];
  readonly transactions: number;
  readonly switches: number;
  /** Virtual ns, of all machines. */
  readonly time: number;
  readonly unimplemented: Readonly<Record<string, number>>;
  readonly hostSeconds: number;
}

export type RunRecord = ServiceRecord | SpeedtestRecord | LedgerRecord;
