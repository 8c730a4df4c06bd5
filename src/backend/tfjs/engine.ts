/** What an engine of tfjs is. */
import type { SessionDescription } from '../contract';

export type Tf = typeof import('@tensorflow/tfjs');
export type Tensor = import('@tensorflow/tfjs').Tensor;

export type EngineName = 'node-gpu' | 'node' | 'wasm' | 'cpu';

/** A loaded tfjs engine. All sessions of the process that run on it share it. */
export interface Engine {
  readonly name: EngineName;
  readonly tf: Tf;
  readonly device: string;
  readonly deviceName: string;
  readonly versions: Record<string, string>;
  /** TensorFlow's engines only. The CPU engine hides the GPUs. */
  readonly gpuVisible?: boolean;
  readonly description: SessionDescription;
  /** Makes it the engine that tfjs runs operations on: with two in a process, another may be. */
  use(): void;
  /** Runs `work` on this engine and frees every tensor it made but does not return. */
  tidy<T>(work: () => T): T;
}
