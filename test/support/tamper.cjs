// Preloaded by NODE_OPTIONS: plants a fault into the one process of `fusor verify` that trains on FUSOR_TEST_TAMPER_WAY.
const { join } = require('node:path');

const { FUSOR_TEST_TAMPER: fault, FUSOR_TEST_TAMPER_WAY: way } = process.env;
const compiled = (name) => require(join(__dirname, '../../dist', name));

const FAULTS = {
  'epsilon inside the root'() {
    const optimizers = compiled('backend/tfjs/optimizers.js');
    optimizers.updateOf = (tf, { beta1, beta2, epsilon }, rate, t) => {
      const alpha = (rate * Math.sqrt(1 - beta2 ** t)) / (1 - beta1 ** t);
      return (w, g, [m, v]) => {
        const nextM = tf.add(tf.mul(m, beta1), tf.mul(g, 1 - beta1));
        const nextV = tf.add(tf.mul(v, beta2), tf.mul(tf.square(g), 1 - beta2));
        return [tf.sub(w, tf.div(tf.mul(nextM, alpha), tf.sqrt(tf.add(nextV, epsilon)))), nextM, nextV];
      };
    };
  },
  'shuffled order'() {
    const random = compiled('random.js');
    const { permutation } = random;
    random.permutation = (rows, seed, epoch) => permutation(rows, seed + 1, epoch);
  },
  'transposed kernel'() {
    const weights = compiled('model/weights.js');
    const { initialWeights } = weights;
    weights.initialWeights = (plan, seed) => {
      const [kernel, ...rest] = initialWeights(plan, seed);
      const rows = plan.layers.find(({ kind }) => kind === 'dense').inputs;
      const columns = kernel.length / rows;
      return [kernel.map((_, e) => kernel[(e % rows) * columns + Math.floor(e / rows)]), ...rest];
    };
  },
  'another rate from step 6'() {
    const optimizers = compiled('backend/tfjs/optimizers.js');
    const { updateOf } = optimizers;
    optimizers.updateOf = (tf, optimizer, rate, t) => updateOf(tf, optimizer, t < 6 ? rate : 1.01 * rate, t);
  },
  crash() {
    process.kill(process.pid, 'SIGSEGV');
  },
};

if (fault && process.argv[2] === way) FAULTS[fault]();
