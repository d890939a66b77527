/** What the rank correlation between early scores and the final ones says of early stopping; null: too few have ended. */
export function saysOf(correlation: number | null): string {
  if (correlation === null) return "too few to say";
  if (correlation > 0.8) return "early order is nearly the final one";
  return correlation > 0.4 ? "some of the order is there" : "too early to stop any";
}
