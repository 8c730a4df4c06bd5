/** Which parameters no training determines. */
import type { TrainPlan } from '../../index';

/**
 * Biases that a batch normalisation takes away again, and the moving means that hold them: a constant that is added before it
 * changes no loss, so its gradient is rounding alone, of which Adam makes whole steps. By name.
 */
export function takenAway({ layers }: Pick<TrainPlan, 'layers'>): Set<string> {
  const found = new Set<string>();
  /** Constants that reach the values at hand through nothing but sums and factors. */
  let added: string[] = [];
  for (const layer of layers) {
    switch (layer.kind) {
      case 'dense':
        if (layer.useBias && layer.trainable !== false) added.push(`${layer.name}/bias`);
        if (layer.activation !== 'linear') added = [];
        break;
      case 'batchNormalization':
        if (layer.trainable === false) break;
        for (const name of added) found.add(name);
        if (added.length > 0) found.add(`${layer.name}/movingMean`);
        added = layer.center ? [`${layer.name}/beta`] : [];
        break;
      case 'activation':
      case 'dropout':
        added = [];
        break;
      case 'rescaling':
        break;
    }
  }
  return found;
}
