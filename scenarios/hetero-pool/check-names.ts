import type { Check } from '../runner/checks.ts';

/** The checks of the scenario as it is without flags. */
export const checkNames = {
  end: 'every run ends as it must',
  results: "every job is done once and its result is the host's",
  absent: 'no instruction ran on a CPU that lacks it',
  noRefusal: 'nothing is refused where workers know their CPU or the scheduler does',
  told: 'every job runs in the variant of its CPU',
  lesson: 'a refused instruction is a lesson',
  heeded: 'the lesson is heeded',
  following: 'variants follow threads that the scheduler moves',
  repeat: 'the same seed gives the same trace',
} as const;

/** Those that are made for each ISA. */
export const isaCheckNames = {
  order: 'common > blind > aware in makespan for the even mix',
  fJobs: 'MELF costs F jobs less than 1.5 %',
  process: 'MELF costs a whole process of F jobs less than 1.5 %',
  once: 'a choice once per process, on a plain CPU, serves extended CPUs no better',
} as const;

export const ofIsa = (name: string, isa: string): string => `${name} (${isa})`;

/** What could not be checked with the load, mixes or configurations that were asked for. */
export function leftOut(checks: readonly Check[], isas: readonly string[]): string[] {
  const made = new Set(checks.map(({ name }) => name));
  const all = [
    ...Object.values(checkNames),
    ...isas.flatMap((isa) => Object.values(isaCheckNames).map((name) => ofIsa(name, isa))),
  ];
  return all.filter((name) => !made.has(name));
}
