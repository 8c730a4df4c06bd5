import { parametersOf } from '../backend/contract';
import { readCheckpoint } from '../runs/checkpoint-file';
import { modelOf, type StoredModel } from './stored-model';
import { checkShapes } from './weights-check';

/** The model in a checkpoint, without its training. @throws as readCheckpoint, ERR_LAYER_UNKNOWN */
export async function modelOfCheckpoint(file: string): Promise<StoredModel> {
  const { config, plan, state } = await readCheckpoint(file);
  const named = parametersOf(plan).map(
    ({ layer, kind, shape }, p) => [`${layer}/${kind}`, { shape, data: state.weights[p] }] as const,
  );
  const tensors = new Map(named);
  checkShapes(tensors, file, modelOf(config, file));
  return { format: 'fusor', config, tensors, maker: 'fusor', configFile: file, weightsFile: file };
}
