/** Pixels a second for a rate: nothing at nothing, a stroll at one, a run at 100,000. Logarithmic, for rates span five decades. */
export function dotSpeed(perSecond: number): number {
  if (!(perSecond > 0)) return 0;
  return Math.min(150, 14 + 26 * Math.log10(1 + perSecond));
}
