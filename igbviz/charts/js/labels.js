// Names beside the ends of lines. Ends that lie together share one name ("8 classes at 0"); the names are then moved
// apart as little as possible: the least-squares solution for a given order, found by pooling names that would overlap.

const TOGETHER = 5; // pixels between ends that may share a name
const FEWEST = 3; // so many ends at least: two names still fit beside each other

// ends: [{name, y, value, color, strong}]; a strong one keeps its own name. Centres of names lie `gap` pixels apart,
// between `low` and `high`. Returns [{text, members, y, at, color, strong}]: `y` where the lines end, `at` the name.
export function layout(ends, { gap, low, high }) {
  const sorted = [...ends].sort((a, b) => a.y - b.y);
  const most = Math.max(1, Math.floor((high - low) / gap) + 1); // names that fit
  let groups = grouped(sorted, TOGETHER, FEWEST);
  for (let near = TOGETHER; groups.length > most && near < 2 * (high - low); near *= 1.5) groups = grouped(sorted, near, 2);
  const centres = groups.map(({ members }) => members.reduce((sum, end) => sum + end.y, 0) / members.length);
  const at = apart(centres, gap, low, high);
  return groups.map(({ members }, i) => ({
    members,
    y: centres[i],
    at: at[i],
    text: members.length > 1 ? `${members.length} ${members[0].plural} at ${short(middle(members).value)}` : members[0].name,
    color: members.length > 1 ? null : members[0].color,
    strong: members[0].strong,
  }));
}

function grouped(sorted, near, fewest) {
  const groups = [];
  for (const end of sorted) {
    const last = groups.at(-1)?.members;
    const joins = last && !end.strong && !last[0].strong && end.y - last.at(-1).y <= near && end.y - last[0].y <= 2 * near;
    if (joins) last.push(end);
    else groups.push({ members: [end] });
  }
  return groups.flatMap((group) => (group.members.length < fewest ? group.members.map((end) => ({ members: [end] })) : [group]));
}

// Positions at least `gap` apart and as near to the wanted ones as possible. Without the gaps (place i minus i * gap) the
// order is all that is left to keep, and neighbours in the wrong order take their mean.
export function apart(wanted, gap, low, high) {
  const pools = [];
  wanted.forEach((place, i) => {
    pools.push({ sum: place - i * gap, size: 1 });
    while (pools.length > 1 && mean(pools.at(-2)) > mean(pools.at(-1))) {
      const { sum, size } = pools.pop();
      pools.at(-1).sum += sum;
      pools.at(-1).size += size;
    }
  });
  const top = Math.max(low, high - (wanted.length - 1) * gap);
  return pools
    .flatMap((pool) => Array(pool.size).fill(Math.min(Math.max(mean(pool), low), top)))
    .map((place, i) => place + i * gap);
}

const mean = ({ sum, size }) => sum / size;
const middle = (members) => members[Math.floor(members.length / 2)];
const short = (value) => value.toFixed(2).replace(/\.?0+$/, "");
