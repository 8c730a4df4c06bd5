/** A profile in the terminal. */
import { machineLine } from '../../bench/machine';
import { changesFrom } from '../../profile/compare';
import {
  type ComparedOp,
  ceilingName,
  type ProfileDocument,
  type VariantProfile,
} from '../../profile/profile';
import {
  comparisonCells,
  driftLine,
  micros,
  noChange,
  noiseNote,
  OP_HEAD,
  OP_NUMBERS,
  opCells,
  variantLine,
} from '../../profile/text';
import { percent } from '../../report/percent';
import { table } from '../output';

function adviceLines({ ops }: VariantProfile, most = 4): string[] {
  const dearest = ops.toSorted((a, b) => b.self.median - a.self.median).slice(0, most);
  return dearest.map(
    ({ name, share, verdict, advice }) => `${name} (${percent(share)}, ${verdict}-bound): ${advice}`,
  );
}

function kernelLines({ ops }: VariantProfile): string[][] {
  return ops.flatMap(({ name, kernels }) =>
    kernels
      .slice(0, 3)
      .map((kernel) => [kernel.name, `in ${name}`, kernel.calls.toFixed(0), micros(kernel.self)]),
  );
}

/** The best of a processor's instruction sets; a GPU's, by precision. */
function peaks(flops: Record<string, number>, isGpu: boolean): string {
  if (!isGpu) return (Math.max(...Object.values(flops)) / 1e9).toFixed(0);
  return Object.entries(flops)
    .map(([precision, rate]) => `${precision} ${(rate / 1e9).toFixed(0)}`)
    .join(', ');
}

function comparisonTable(variants: readonly VariantProfile[], comparison: readonly ComparedOp[]): string {
  const [first, ...others] = variants.map(({ name }) => name);
  const head = ['µs a step', first, ...others.flatMap((name) => [name, `/ ${first}`])];
  const rows = comparison.map(comparisonCells);
  return table(head, rows, head.map((_, i) => i).slice(1));
}

export function printed(document: ProfileDocument): string {
  const { variants, comparison, machine, job, absent, ceilings } = document;
  const noise = noiseNote(variants);
  const parts = variants.map((variant) =>
    [
      `${variant.name} · ${variant.ranOn}`,
      variantLine(variant),
      '',
      table(OP_HEAD, variant.ops.map(opCells), OP_NUMBERS),
      ...(kernelLines(variant).length > 0
        ? ['', table(['kernel', '', 'calls', 'self µs'], kernelLines(variant), [2, 3])]
        : []),
      '',
      ...adviceLines(variant),
    ].join('\n'),
  );
  return [
    machineLine(machine),
    `${job.data} · ${job.net} · batch ${job.batchSize} · ${job.optimizer} · seed ${job.seed}${job.density === null ? '' : ` · ${percent(job.density)} of the input is not 0`}`,
    ...ceilings.map(
      ({ flops, bandwidths, ...where }) =>
        `roof of ${ceilingName({ flops, bandwidths, ...where })}: ${peaks(flops, where.device !== undefined)} GFLOP/s · ${bandwidths.map(({ level, read }) => `${level} ${(read / 1e9).toFixed(0)}`).join(', ')} GB/s`,
    ),
    ...parts.flatMap((part) => ['', part]),
    ...(variants.length > 1 ? ['', comparisonTable(variants, comparison)] : []),
    ...(noise === null ? [] : ['', noise]),
    ...absent.map(
      ({ name, reason, cure }) => `\nnot here: ${[name, reason, cure].filter(Boolean).join(' · ')}`,
    ),
  ].join('\n');
}

/** What changed since an earlier profile. */
export function changesText(before: ProfileDocument, now: ProfileDocument): string {
  const { drifts, slower, faster } = changesFrom(before.variants, now.variants);
  const drifted = (variant: string) => drifts.some((drift) => drift.variant === variant);
  const line = ({ variant, op, before: was, now: is, times, beside }: (typeof slower)[number]) =>
    `${variant} · ${op}: ${micros(was)} → ${micros(is)} µs (${times.toFixed(2)}×${drifted(variant) ? `, ${beside.toFixed(2)}× beside the others` : ''})`;
  const steps = now.variants.flatMap(({ name, step }) => {
    const old = before.variants.find((variant) => variant.name === name);
    if (!old) return [];
    const [was, is] = [old.step.median, step.median];
    return [`${name} · step: ${micros(was)} → ${micros(is)} µs (${(is / was).toFixed(2)}×)`];
  });
  return [
    `Since ${before.date}:`,
    ...steps,
    ...drifts.map((drift) => driftLine(drift)),
    ...slower.map((change) => `SLOWER ${line(change)}`),
    ...faster.map((change) => `faster ${line(change)}`),
    ...(slower.length + faster.length === 0 ? [noChange(drifts)] : []),
  ].join('\n');
}
