/** How much memory a model and its training take at the least, known before any of it is allocated. */
import { type Examples, type LayerPlan, stateSize, type TrainPlan } from '../backend/contract';
import { requireMemory } from '../memory';

/** One copy of the state here, to hand over, and one in the session. @throws ERR_OUT_OF_MEMORY */
export function requireStateMemory(plan: TrainPlan): void {
  requireMemory(
    2 * 4 * stateSize(plan),
    'the weights and the state of the optimizer',
    'model',
    'use fewer or narrower layers, or an optimizer with less state (sgd)',
  );
}

/** The session's copy of the data, and what a step writes: the values of every layer and their gradients. */
export function requireFitMemory(plan: TrainPlan, batchSize: number, sets: (Examples | undefined)[]): void {
  const data = sets.reduce(
    (sum, set) => sum + (set ? set.x.byteLength + set.y.byteLength + (set.weights?.byteLength ?? 0) : 0),
    0,
  );
  requireMemory(data, 'the training data', 'fit', 'train on fewer rows at a time');
  const widthOf = (layer: LayerPlan) =>
    layer.kind === 'dense' ? layer.outputs : layer.kind === 'batchNormalization' ? layer.width : 0;
  const widths = plan.layers.reduce((sum, layer) => sum + widthOf(layer), 0);
  const rows = Math.min(batchSize, Math.max(...sets.map((set) => set?.rows ?? 0)));
  requireMemory(data + 2 * 4 * rows * widths, 'the values of a batch and the data', 'fit', 'lower batchSize');
}
