import { arch, availableParallelism, cpus, platform, release, totalmem } from 'node:os';
import { counted } from '../../counted';
import type { RuntimeInfo } from '../../index';
import { version } from '../../version';
import { backendOf, type Fallback, fallbackOf } from './document';

/** The machine, the versions and the command of a run: environment.json. */
export function environmentOf(
  runtime: RuntimeInfo,
  argv: readonly string[],
  startedAt: Date,
  failed?: readonly Fallback[],
) {
  return {
    fusor: version,
    node: process.version,
    system: { platform: platform(), release: release(), arch: arch() },
    cpu: { model: cpus()[0]?.model ?? 'unknown', cores: availableParallelism() },
    memoryBytes: totalmem(),
    backend: backendOf(runtime),
    fallback: fallbackOf(runtime, failed),
    command: ['fusor', ...argv],
    workingFolder: process.cwd(),
    startedAt: startedAt.toISOString(),
  };
}

/** One line on what it runs on: `native · libtorch 2.13.0 · cpu (AMD EPYC) · fused kernels, avx2 · 2 threads`. */
export function runtimeLine(runtime: RuntimeInfo): string {
  const { backend, engine, device, deviceName, kernels, isa, threads, versions, gpuVisible, precision } =
    runtime;
  const library = versions[engine] ?? (versions.tensorflow && `TensorFlow ${versions.tensorflow}`);
  return [
    backend,
    [engine, library].filter(Boolean).join(' '),
    deviceName ? `${device} (${deviceName})` : device,
    gpuVisible === false && 'no GPU visible',
    [kernels && `${kernels} kernels`, isa, precision].filter(Boolean).join(', '),
    threads > 0 ? counted(threads, 'thread') : '',
  ]
    .filter(Boolean)
    .join(' · ');
}
