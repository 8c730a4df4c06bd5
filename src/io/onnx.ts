/**
 * A model as ONNX: IR 8, operators of opset 17, one input [batch, …shape] and one output, float32. Written only.
 * Format: https://github.com/onnx/onnx, onnx/onnx.proto, whose field numbers these are.
 */
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { Activation, ParameterKind } from '../backend/contract';
import { FusorError } from '../errors';
import { writeAtomic } from '../files/atomic';
import type { Tensor } from '../files/safetensors';
import { NEGATIVE_SLOPE } from '../model/layers';
import { layoutOf } from '../model/layout';
import type { ModelConfig } from '../model/types';
import { version } from '../version';

const IR_VERSION = 8;
const OPSET = 17;
const FLOAT = 1;
/** Readers of protocol buffers take no more in one message. */
const MAX_SIZE = 2 ** 31 - 2 ** 20;

const { Varint, LengthDelimited, Bit32 } = WireType;
type Write = (writer: BinaryWriter) => void;

/** @throws ERR_IO; ERR_UNSUPPORTED for more than 2 GiB of weights */
export async function writeOnnxModel(
  config: ModelConfig,
  tensors: ReadonlyMap<string, Tensor>,
  file: string,
): Promise<void> {
  let size = 0;
  for (const { data } of tensors.values()) size += 4 * data.length;
  if (size > MAX_SIZE)
    throw new FusorError('ERR_UNSUPPORTED', [
      `${size} bytes of weights are more than an ONNX file holds`,
      file,
      'take another format',
    ]);
  await writeAtomic(file, onnxBytes(config, tensors));
}

function onnxBytes(config: ModelConfig, tensors: ReadonlyMap<string, Tensor>): Uint8Array {
  const graph = new Graph(config, tensors);
  const writer = new BinaryWriter().tag(1, Varint).int64(IR_VERSION);
  writer.tag(2, LengthDelimited).string('fusor').tag(3, LengthDelimited).string(version);
  message(writer, 7, (to) => graph.write(to));
  message(writer, 8, (to) => void to.tag(1, LengthDelimited).string('').tag(2, Varint).int64(OPSET));
  return writer.finish();
}

const OPERATORS = {
  relu: 'Relu',
  sigmoid: 'Sigmoid',
  tanh: 'Tanh',
  elu: 'Elu',
  softmax: 'Softmax',
  selu: 'Selu',
  softplus: 'Softplus',
} as const;

/** What the graph takes and gives. */
const [INPUT, OUTPUT] = ['input', 'output'];

class Graph {
  readonly #nodes: Write[] = [];
  readonly #constants: Write[] = [];
  readonly #inputShape: readonly number[];
  readonly #outputShape: readonly number[];
  /** The name of the values reached. */
  #at = INPUT;

  constructor(
    private readonly config: ModelConfig,
    tensors: ReadonlyMap<string, Tensor>,
  ) {
    const { layers, inputShape, outputShape } = layoutOf(config.layers);
    this.#inputShape = inputShape;
    this.#outputShape = outputShape;
    for (const { name, config: layer } of layers) {
      // Names of layers have no slash: so none is that of another value.
      const value = name === INPUT || name === OUTPUT ? `${name}/layer` : name;
      switch (layer.className) {
        case 'Rescaling':
          this.#constantOp('Mul', `${name}/scale`, layer.config.scale);
          if (layer.config.offset !== 0) this.#constantOp('Add', `${name}/offset`, layer.config.offset);
          break;
        case 'Flatten':
          this.#node('Flatten', value, [this.#at], { axis: 1 });
          break;
        case 'Dense': {
          const names = [`${name}/kernel`, ...(layer.config.useBias ? [`${name}/bias`] : [])];
          for (const each of names) this.#constant(each, tensors.get(each)!);
          this.#node('Gemm', value, [this.#at, ...names]);
          this.#activation(`${name}/${layer.config.activation}`, layer.config.activation, NEGATIVE_SLOPE);
          break;
        }
        case 'Activation':
          this.#activation(value, layer.config.activation, layer.config.negativeSlope);
          break;
        case 'BatchNormalization':
          this.#normalization(name, layer.config, tensors);
          break;
        // The identity, but while training.
        case 'Dropout':
          break;
      }
    }
    this.#node('Identity', OUTPUT, [this.#at]);
  }

  write(writer: BinaryWriter): void {
    for (const node of this.#nodes) message(writer, 1, node);
    writer.tag(2, LengthDelimited).string(this.config.name);
    for (const constant of this.#constants) message(writer, 5, constant);
    message(writer, 11, (to) => valueInfo(to, INPUT, this.#inputShape));
    message(writer, 12, (to) => valueInfo(to, OUTPUT, this.#outputShape));
  }

  #activation(name: string, activation: Activation, negativeSlope?: number): void {
    if (activation === 'silu') {
      const x = this.#at;
      this.#node('Sigmoid', `${name}/sigmoid`, [x]);
      this.#node('Mul', name, [x, this.#at]);
    } else if (activation === 'leakyRelu') {
      this.#node('LeakyRelu', name, [this.#at], { alpha: Float32Array.of(negativeSlope!) });
    } else if (activation === 'gelu') {
      // x · ½(1 + erf(x/√2)); opset 17 has no operator for it.
      const x = this.#at;
      this.#constantOp('Mul', `${name}/scaled`, Math.SQRT1_2);
      this.#node('Erf', `${name}/erf`, [this.#at]);
      this.#constantOp('Add', `${name}/one`, 1);
      this.#constantOp('Mul', `${name}/half`, 0.5);
      this.#node('Mul', name, [x, this.#at]);
    } else if (activation !== 'linear') {
      this.#node(OPERATORS[activation], name, [this.#at], activation === 'softmax' ? { axis: -1 } : {});
    }
  }

  /** By its moving averages, of the last axis: ONNX's own operator is of the second. */
  #normalization(
    name: string,
    { epsilon, scale, center }: { epsilon: number; scale: boolean; center: boolean },
    tensors: ReadonlyMap<string, Tensor>,
  ): void {
    const of = (kind: ParameterKind) => tensors.get(`${name}/${kind}`)!;
    const { data, shape } = of('movingVariance');
    const gamma = scale ? of('gamma').data : null;
    const factor = Float32Array.from(
      data,
      (variance, c) => (gamma?.[c] ?? 1) / Math.sqrt(variance + epsilon),
    );
    this.#vectorOp('Sub', `${name}/mean`, of('movingMean'));
    this.#vectorOp('Mul', `${name}/factor`, { shape, data: factor });
    if (center) this.#vectorOp('Add', `${name}/beta`, of('beta'));
  }

  #vectorOp(operator: string, name: string, tensor: Tensor): void {
    this.#constant(`${name}/value`, tensor);
    this.#node(operator, name, [this.#at, `${name}/value`]);
  }

  #constantOp(operator: string, name: string, value: number): void {
    this.#vectorOp(operator, name, { shape: [], data: Float32Array.of(value) });
  }

  #constant(name: string, { shape, data }: Tensor): void {
    const { buffer, byteOffset, byteLength } = Float32Array.from(data);
    this.#constants.push((writer) => {
      for (const size of shape) writer.tag(1, Varint).int64(size);
      writer.tag(2, Varint).int32(FLOAT).tag(8, LengthDelimited).string(name);
      writer.tag(9, LengthDelimited).bytes(new Uint8Array(buffer, byteOffset, byteLength));
    });
  }

  /** A node whose output has its name; what follows goes on from there. @param attributes integers, or one float */
  #node(
    operator: string,
    name: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, number | Float32Array>> = {},
  ): void {
    this.#nodes.push((writer) => {
      for (const input of inputs) writer.tag(1, LengthDelimited).string(input);
      writer.tag(2, LengthDelimited).string(name).tag(3, LengthDelimited).string(name);
      writer.tag(4, LengthDelimited).string(operator);
      for (const [key, value] of Object.entries(attributes))
        message(writer, 5, (to) => {
          to.tag(1, LengthDelimited).string(key);
          if (typeof value === 'number') to.tag(3, Varint).int64(value).tag(20, Varint).int32(2);
          else to.tag(2, Bit32).float(value[0]).tag(20, Varint).int32(1);
        });
    });
    this.#at = name;
  }
}

/** float32 [batch, …shape]. */
function valueInfo(writer: BinaryWriter, name: string, shape: readonly number[]): void {
  writer.tag(1, LengthDelimited).string(name);
  message(writer, 2, (type) =>
    message(type, 1, (tensor) => {
      tensor.tag(1, Varint).int32(FLOAT);
      message(tensor, 2, (dimensions) => {
        message(dimensions, 1, (to) => void to.tag(2, LengthDelimited).string('batch'));
        for (const size of shape) message(dimensions, 1, (to) => void to.tag(1, Varint).int64(size));
      });
    }),
  );
}

function message(writer: BinaryWriter, field: number, write: Write): void {
  writer.tag(field, LengthDelimited).fork();
  write(writer);
  writer.join();
}
