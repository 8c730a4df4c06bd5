import type { Backend, BackendName, Candidate, DeviceRequest } from './contract';

/** Something better that could not be had. */
export interface StepDown {
  /** e.g. 'native cuda', 'tfjs node-gpu'. */
  candidate: string;
  reason: string;
  cure: string;
}

export interface SelectionRequest extends Partial<DeviceRequest> {
  backend?: 'auto' | BackendName;
  quiet?: boolean;
}

export interface Selection {
  backend: Backend;
  steppedDown: StepDown[];
}

export async function selectBackend(_request: SelectionRequest = {}): Promise<Selection> {
  throw new Error('to come');
}

export async function devices(): Promise<(Candidate & { backend: BackendName })[]> {
  throw new Error('to come');
}
