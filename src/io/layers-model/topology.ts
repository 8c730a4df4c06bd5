/** modelTopology, as TensorFlow.js and Keras have it ↔ our configuration: a stack of layers, or a graph that is one. */

import { refused } from '../../files/refused';
import { type LayerConfig, layers } from '../../model/layers';
import type { ModelConfig } from '../../model/types';
import { type Json, Place } from './json';
import { readLayer, withoutAxes, writeLayer } from './layers';

/** As in src/model/layout.ts: counted before anything of that size is made. */
const MAX_LAYERS = 10_000;

/** @throws ERR_LAYER_UNKNOWN, ERR_FILE_FORMAT */
export function readTopology(
  value: unknown,
  file: string,
  path = 'modelTopology',
): Omit<ModelConfig, 'compile'> {
  let place = new Place(file, path);
  let topology = place.object(value);
  // As the converter writes it, from a Keras file.
  if (topology.model_config !== undefined) {
    place = place.at('model_config');
    topology = place.object(topology.model_config);
  }
  const { class_name: className, config } = topology;
  const inside = place.at('config');
  if (className === 'Sequential') return sequential(config, inside);
  if (className === 'Model' || className === 'Functional') return chain(config, inside);
  throw refused(
    file,
    'topology',
    `${place.path}: class_name is ${JSON.stringify(String(className).slice(0, 60))}, not Sequential, Model or Functional`,
    'save a stack of layers',
  );
}

function sequential(config: unknown, place: Place): Omit<ModelConfig, 'compile'> {
  // Old files have the bare list.
  const { layers, name } = Array.isArray(config) ? { layers: config, name: undefined } : place.object(config);
  const at = place.at('layers');
  const list = at.list(layers, MAX_LAYERS);
  return model(
    name,
    list.map((entry, i) => readLayer(entry, at.at(i))),
    place,
  );
}

/** A graph of layers, each of which takes the one before it: whatever else a graph may be is no stack. */
function chain(value: unknown, place: Place): Omit<ModelConfig, 'compile'> {
  const config = place.object(value);
  const at = place.at('layers');
  const entries = at.list(config.layers, MAX_LAYERS).map((entry, i) => {
    const node = at.at(i).object(entry);
    const name = at
      .at(i)
      .at('name')
      .text(node.name ?? place.at('config').object(node.config).name);
    return { name, from: sourceOf(node.inbound_nodes, at.at(i)), node, place: at.at(i) };
  });
  /** The layer that takes a layer's output. */
  const next = new Map<string | undefined, (typeof entries)[number]>();
  for (const entry of entries) {
    if (next.has(entry.from)) throw notAStack(entry.place, `two layers take ${show(entry.from)}`);
    next.set(entry.from, entry);
  }
  const stack: ReturnType<typeof readLayer>[] = [];
  let last: string | undefined;
  for (let entry = next.get(undefined); entry; entry = next.get(entry.name)) {
    last = entry.name;
    if (stack.length === entries.length) throw notAStack(entry.place, 'the layers form a circle');
    stack.push(readLayer(entry.node, entry.place));
    next.delete(entry.from);
  }
  if (stack.length < entries.length)
    throw notAStack(at, `${entries.length - stack.length} layers cannot be reached from the input`);
  checkEnd(config, last, place);
  return model(config.name, stack, place);
}

/** What comes out is what the last layer makes, where the file says so: [[name, 0, 0]], or flat, as Keras 3 writes one. */
function checkEnd(config: Json, last: string | undefined, place: Place): void {
  const outputs = config.output_layers;
  if (outputs === undefined || outputs === null) return;
  const at = place.at('output_layers');
  const list = at.list(outputs, 1000);
  const ends = typeof list[0] === 'string' ? [list] : list;
  if (ends.length !== 1) throw notAStack(at, `the model has ${ends.length} outputs`);
  const [name, node, tensor] = at.list(ends[0], 3);
  if (name !== last || node !== 0 || tensor !== 0)
    throw notAStack(at, `what comes out is ${show(String(name))}, not ${show(last)}, the last layer`);
}

/** The name of the one layer that a layer takes; undefined for the input. */
function sourceOf(inbound: unknown, place: Place): string | undefined {
  const at = place.at('inbound_nodes');
  const calls = at.list(inbound, 1000);
  if (calls.length === 0) return undefined;
  const sources = calls.length === 1 ? (Array.isArray(calls[0]) ? calls[0] : argumentsOf(calls[0])) : [];
  if (sources.length !== 1 || !Array.isArray(sources[0]))
    throw notAStack(place, 'a layer is used more than once, or takes more than one input');
  const [name, node, tensor] = sources[0];
  if (node !== 0 || tensor !== 0) throw notAStack(place, 'a layer takes an output other than the first');
  return at.text(name);
}

/** A call as Keras 3 writes it: {args: [a tensor with its history, …], kwargs}. */
function argumentsOf(call: unknown): unknown[] {
  const { args } = (call ?? {}) as { args?: unknown };
  if (!Array.isArray(args)) return [];
  return args.map((tensor) => {
    const { class_name: className, config } = (tensor ?? {}) as Json;
    if (className !== '__keras_tensor__') return undefined;
    return (config as { keras_history?: unknown } | null | undefined)?.keras_history;
  });
}

const show = (name: string | undefined) => (name === undefined ? 'the input' : JSON.stringify(name));

function notAStack(place: Place, what: string): Error {
  return refused(place.file, 'graph', `${place.path}: ${what}`, 'only stacks of layers can be read', {
    path: place.path,
  });
}

function model(
  name: unknown,
  read: { className: string; config: Json }[],
  place: Place,
): Omit<ModelConfig, 'compile'> {
  const layers = withoutAxes(read, place.at('layers'));
  if (name !== undefined && name !== null) place.at('name').text(name);
  // Names of models are for people: what ours may not be called is called by the default.
  const named = typeof name === 'string' && /^[\w.-]{1,100}$/.test(name) ? name : 'sequential';
  return { className: 'Sequential', name: named, layers: layers as never };
}

/** TensorFlow.js has leakyRelu as a layer alone. */
function withoutLeaky(layer: LayerConfig, _: number, all: readonly LayerConfig[]): LayerConfig[] {
  if (layer.className !== 'Dense' || layer.config.activation !== 'leakyRelu') return [layer];
  let name = `${layer.config.name}_leaky_re_lu`;
  while (all.some(({ config }) => config.name === name)) name += '_';
  return [
    { ...layer, config: { ...layer.config, activation: 'linear' } },
    layers.activation('leakyRelu', { name }),
  ];
}

export function writeTopology({ name, layers: stack }: ModelConfig): Json {
  return {
    class_name: 'Sequential',
    config: { name, layers: stack.flatMap(withoutLeaky).map(writeLayer) },
    keras_version: 'tfjs-layers 4.22.0',
    backend: 'tensor_flow.js',
  };
}
