/** A variant's rounds as rows: medians, work, shares of the ceilings, verdicts. */
import { type Ceilings, shareOf } from '../bench/roofline';
import { figure, median } from '../bench/statistics';
import { percent } from '../report/percent';
import type { KernelRow, OpRow, VariantProfile } from './profile';
import { nameOf, type OpTime, type Round } from './round';
import { verdictOf } from './verdict';
import { type Counting, workOfOp } from './work';

/** What a variant's process tells of itself. */
export interface Facts extends Pick<VariantProfile, 'ranOn' | 'device' | 'threads' | 'precision' | 'memory'> {
  /** Whether zeros of the input are skipped. */
  skipsZeros: boolean;
  /** Whether weights stay in registers. */
  keepsWeights: boolean;
  /** Whether the first layer multiplies bytes by the processor's tiles, which takes half of what two floats do. */
  multipliesBytes: boolean;
  /** Whether its backend has fused kernels. */
  mayFuse: boolean;
}

/**
 * @param ceilings for its number of threads; null where they are not known, as on a GPU
 * @param counting of the job; density is that of the data
 */
export function variantProfile(
  name: string,
  { skipsZeros, keepsWeights, multipliesBytes, mayFuse, ...facts }: Facts,
  rounds: readonly Round[],
  ceilings: Ceilings | null,
  counting: Omit<Counting, 'own' | 'inPlace' | 'together' | 'keepsWeights'>,
): VariantProfile {
  const launch = median(rounds.map((round) => round.launch));
  const names = [...new Set(rounds.flatMap(({ ops }) => ops.map(nameOf)))];
  const all = names.map((op) => rounds.map(({ ops }) => ops.find((each) => nameOf(each) === op)));
  const selves = all.map((times) => times.map((time) => time?.self ?? 0));
  const sums = rounds.map((_, i) => selves.reduce((sum, values) => sum + values[i], 0));
  const shares = selves.map((values) => median(values.map((time, round) => time / sums[round])));
  const total = shares.reduce((sum, share) => sum + share, 0);
  const every = rounds.flatMap(({ ops }) => ops);
  const has = (phase: string) => every.some((op) => op.phase === phase && op.layer === null);
  const forward = every.filter(({ phase, layer }) => ['forward', 'loss'].includes(phase) && layer !== null);
  const own: Counting = {
    ...counting,
    own: new Set(forward.map(({ layer }) => layer!)),
    // Bytes that are multiplied as they lie are all of them.
    density: skipsZeros ? counting.density : multipliesBytes ? 1 : null,
    inPlace: keepsWeights || !has('gather'),
    together: has('backward+update') || has('backward'),
    keepsWeights,
  };
  const first = counting.plan.layers.find(({ kind }) => kind === 'dense')?.name;
  const doubled = ceilings && {
    ...ceilings,
    flops: Object.fromEntries(Object.entries(ceilings.flops).map(([name, rate]) => [name, 2 * rate])),
  };
  const ops = names.map((op, i): OpRow => {
    const times = all[i].filter((time) => time !== undefined);
    const { phase, layer } = times[0];
    const roofs = multipliesBytes && layer !== null && layer === first ? doubled : ceilings;
    const self = figure(selves[i]);
    const kernels = kernelsOf(times);
    const density = median(times.map((time) => time.density));
    const work = workOfOp(phase, layer, own, density);
    const computed = layer === first && own.density !== null ? own.density : density;
    const busiest = median(times.map((time) => time.busiest)) / 1e6;
    const roof = work && roofs && busiest > 0 ? shareOf(work, busiest, roofs) : null;
    const share = shares[i] / total;
    const { verdict, advice } = verdictOf({
      phase,
      self: self.median,
      kernels,
      share,
      work,
      computed,
      launch,
      isOnDevice: facts.device !== 'cpu',
      mayFuse,
      roof: roof && { share: roof.ofCeiling, bound: roof.nearest },
    });
    const zeros =
      density < 1 ? `; ${percent(1 - density)} of its products, those with a zero, are left out` : '';
    return {
      name: op,
      phase,
      layer,
      self,
      density,
      share,
      work,
      kernels,
      calls: median(times.map((time) => time.calls)),
      total: median(times.map((time) => time.total)),
      rounds: selves[i],
      gflops: work && busiest > 0 ? work.flops / busiest / 1e9 : null,
      gbytes: work && busiest > 0 ? (work.read + work.written) / busiest / 1e9 : null,
      intensity: work ? work.flops / (work.read + work.written) : null,
      ofCeiling: roof?.ofCeiling ?? null,
      bound: roof?.bound ?? null,
      verdict,
      advice: advice + zeros,
    };
  });
  const plain = rounds.map((round) => round.plain / round.steps);
  const stamped = rounds.map((round) => round.stamped / round.steps);
  return {
    name,
    ...facts,
    launch,
    ops,
    steps: rounds[0].steps,
    rounds: rounds.length,
    step: figure(plain),
    stepRounds: plain,
    stamped: figure(stamped),
    stampingCost: median(stamped.map((time, i) => time / plain[i])) - 1,
    coverage: median(sums.map((sum, i) => sum / plain[i])),
  };
}

function kernelsOf(times: readonly OpTime[]): KernelRow[] {
  const names = [...new Set(times.flatMap(({ kernels }) => kernels.map(({ name }) => name)))];
  const rows = names.map((name) => {
    const found = times.map(({ kernels }) => kernels.find((kernel) => kernel.name === name));
    return {
      name,
      calls: median(found.map((kernel) => kernel?.calls ?? 0)),
      self: median(found.map((kernel) => kernel?.self ?? 0)),
    };
  });
  return rows.filter(({ calls }) => calls > 0).sort((a, b) => b.self - a.self);
}
