/** What a sweep's ways to choose and to stop are called, everywhere on the page. */

export const METHODS = {
  grid: "grid search",
  random: "random search",
  sobol: "Sobol sequence",
  tpe: "TPE",
  given: "given list",
} as const;

export const HALVINGS = {
  none: "none",
  successive: "successive halving",
  hyperband: "Hyperband",
  first_epoch: "first-epoch stopping",
  population: "population based training",
} as const;

/** "TPE, Hyperband": how a sweep chooses, and how it stops what is poor. */
export function methodName(method: string, halving: keyof typeof HALVINGS = "none"): string {
  const name = Object.entries(METHODS).find(([key]) => key === method)?.[1] ?? method;
  return halving === "none" ? name : `${name}, ${HALVINGS[halving]}`;
}
