// Measurements of the same kernel on hardware, to stand beside ours.

/**
 * M. Fruth, S. Scherzinger: "The Case for DBMS Live Patching", PVLDB 2025 (arXiv 2410.09925), Fig. 9, on two Xeon Gold 6248R at 3.0 GHz: the
 * largest latency of a Redis query while a view is created, against the size of the page tables. Read off the plot.
 */
export const createBySize: readonly { readonly tableMegabytes: number; readonly seconds: number }[] = [
  { tableMegabytes: 100, seconds: 0.4 },
  { tableMegabytes: 200, seconds: 0.8 },
  { tableMegabytes: 400, seconds: 1.6 },
  { tableMegabytes: 720, seconds: 3 },
];
export const source =
  'M. Fruth, S. Scherzinger: The Case for DBMS Live Patching, PVLDB 2025 (arXiv 2410.09925), Fig. 9: the kernel for Linux 5.15 on hardware';

const entriesPerByte = 1 / 8;
const pagesPerMib = 256;

/** What their line gives for a process that has touched `mib`, in ns: proportional to the entries, as they found. */
export function publishedCreate(mib: number): number {
  const perEntry = createBySize.map(
    ({ tableMegabytes, seconds }) => (seconds * 1e9) / (tableMegabytes * 1e6 * entriesPerByte),
  );
  return (perEntry.reduce((a, b) => a + b, 0) / perEntry.length) * mib * pagesPerMib;
}
