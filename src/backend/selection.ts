/** What a choice of a backend is made of. */
import type { Backend, BackendName, Candidate } from './contract';

/** Something better that could not be had. */
export interface StepDown {
  /** e.g. 'native cuda', 'tfjs node-gpu'. */
  candidate: string;
  reason: string;
  cure: string;
}

export interface Selection {
  backend: Backend;
  /** Best first. */
  steppedDown: StepDown[];
}

export interface NamedCandidate extends Candidate {
  backend: BackendName;
}
