import { closed, reading, wrong } from '../arguments';
import { FusorError } from '../errors';
import type { CompileOptions } from './compile';
import type { LayerConfig } from './layers';
import { Model, type ModelConfig } from './model';

/**
 * A model of layers, one after the other. The first has an inputShape, or is layers.input(shape).
 * @param options name = 'sequential'
 * @throws ERR_SHAPE naming the layer that disagrees, ERR_ARG, ERR_PLAN beyond 2³¹ parameters
 */
export function sequential(layers: readonly LayerConfig[], options?: { name?: string }): Model {
  const { name = 'sequential' } = closed<{ name?: string }>('sequential', options, ['name']);
  if (typeof name !== 'string' || !/^[\w.-]{1,100}$/.test(name))
    throw wrong('sequential', 'name', name, 'up to 100 letters, digits, _, . or -');
  return new Model(layers, name);
}

/**
 * The model of a config that {@link Model.toJSON} made, possibly long ago and elsewhere: nothing in it is trusted.
 * @throws ERR_LAYER_UNKNOWN for a class outside the closed list, ERR_FILE_FORMAT, and as sequential and compile
 */
export function modelFromJSON(config: unknown): Model {
  const className = reading('modelFromJSON', () => (config as ModelConfig | null | undefined)?.className);
  if (className !== 'Sequential')
    throw new FusorError('ERR_FILE_FORMAT', [
      "a model's config has the className 'Sequential'",
      'modelFromJSON',
    ]);
  const { layers, name, compile } = closed<ModelConfig>('modelFromJSON', config, [
    'className',
    'name',
    'layers',
    'compile',
  ]);
  const model = sequential(layers, { name });
  if (compile !== undefined) model.compile(compile as CompileOptions);
  return model;
}
