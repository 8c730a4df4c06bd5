import type { Callback } from './callbacks';

/**
 * As Keras' TerminateOnNaN: where a step's loss, or the validation's, is not finite, fit ends and resolves, `stopped` being
 * 'callback', instead of rejecting with ERR_NONFINITE_LOSS. The epoch at hand is not recorded. Losses are looked at in each
 * step anyway: no span is shorter for it.
 */
export function terminateOnNaN(): Callback {
  return { onNonFinite: (_loss, context) => context.stop() };
}
