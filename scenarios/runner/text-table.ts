/** A table of texts, for the terminal and for the report's page. */
export interface TextTable {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}
