// An order with ties as plain data: {tiers: [[places], ...] best first, pool: [places without a rank]}. Nothing here
// changes what it is given.

export function empty(count) { return { tiers: [], pool: Array.from({ length: count }, (_, place) => place) }; }

// From ranks by place (1 is best, null has none), which need not be dense.
export function tiersOf(ranks) {
  const given = [...new Set(ranks.filter((rank) => rank !== null))].sort((one, other) => one - other);
  const placesWith = (wanted) => ranks.flatMap((rank, place) => (rank === wanted ? [place] : []));
  return { tiers: given.map(placesWith), pool: placesWith(null) };
}

export function ranksOf({ tiers }, count) {
  return Array.from({ length: count }, (_, place) => tiers.findIndex((tier) => tier.includes(place)) + 1 || null);
}

export function placedLast({ tiers, pool }, place) {
  return { tiers: [...tiers, [place]], pool: pool.filter((one) => one !== place) };
}

// Out of the order, back to those without a rank.
export function lift({ tiers, pool }, place) {
  if (pool.includes(place)) return { tiers, pool };
  return {
    tiers: tiers.map((tier) => tier.filter((one) => one !== place)).filter((tier) => tier.length),
    pool: [...pool, place].sort((one, other) => one - other),
  };
}

// One step better (-1) or worse (1): out of a tie first, then past the neighbour.
export function moved(order, place, step) {
  const at = order.tiers.findIndex((tier) => tier.includes(place));
  if (at < 0) return order;
  const isTied = order.tiers[at].length > 1;
  const without = order.tiers.map((tier) => tier.filter((one) => one !== place)).filter((tier) => tier.length);
  const to = isTied ? at + (step > 0 ? 1 : 0) : at + step;
  if (to < 0 || to > without.length) return order;
  return { tiers: without.toSpliced(to, 0, [place]), pool: order.pool };
}

// With the tier above; one that is tied already comes out, behind its tier.
export function tiedAbove(order, place) {
  const at = order.tiers.findIndex((tier) => tier.includes(place));
  if (at < 0) return order;
  if (order.tiers[at].length > 1) return moved(order, place, 1);
  if (at === 0) return order;
  const tiers = order.tiers.map((tier, index) => (index === at - 1 ? [...tier, place] : tier)).filter((_, index) => index !== at);
  return { tiers, pool: order.pool };
}
