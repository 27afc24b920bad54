/** Reads rows of "number name name ...": names of consecutive system-call numbers. */
export function syscallTable(text: string): ReadonlyMap<number, string> {
  const table = new Map<number, string>();
  for (const row of text.trim().split('\n')) {
    const [first, ...names] = row.split(' ');
    names.forEach((name, index) => {
      table.set(Number(first) + index, name);
    });
  }
  return table;
}
