import type { FitOptions } from '../../src/index';
import { tensorBoard } from '../../src/runs/loggers/tensorboard';
import { FIVE, modelWith, x, y } from '../support/checkpoints';
import { figure } from '../support/figures';
import { inPython, pythonWith } from '../support/python';
import { temporaryFolder } from '../support/script';
import { testUnless } from '../support/skip';

const python = pythonWith('tensorboard');

const READ = `
import json, sys
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.util import tensor_util
runs = EventMultiplexer()
runs.AddRunsFromDirectory(sys.argv[1])
runs.Reload()
found = {}
for run in runs.Runs():
    of = runs.GetAccumulator(run)
    for tag in of.Tags()["tensors"]:
        assert of.SummaryMetadata(tag).plugin_data.plugin_name == "scalars"
        found[run + " " + tag] = [[e.step, float(tensor_util.make_ndarray(e.tensor_proto))] for e in of.Tensors(tag)]
print(json.dumps(found))
`;

const folder = temporaryFolder();

testUnless(!python && 'no Python with tensorboard (FUSOR_TEST_PYTHON)')(
  'the real tensorboard reads what was logged, and of a resumed training what counts',
  async () => {
    const model = modelWith();
    // Ends after the second epoch, and goes on from the end of the first.
    const callbacks = [tensorBoard(folder, { everyBatches: 1 })];
    let kept: FitOptions | undefined;
    await model.fit(x, y, {
      ...FIVE,
      callbacks: [
        ...callbacks,
        {
          onEpochEnd: async (epoch, _logs, context) => {
            if (epoch === 0) kept = { resume: await context.checkpoint() };
            if (epoch === 1) context.stop();
          },
        },
      ],
    });
    const trained = await modelWith().fit(x, y, { ...FIVE, ...kept, callbacks });
    const read = inPython(python!, READ, folder) as Record<string, [number, number][]>;
    const expected = (values: number[]) => values.map((value, epoch) => [epoch, Math.fround(value)]);
    expect(read['train epoch_loss']).toEqual(expected(trained.history.loss));
    expect(read['validation epoch_accuracy']).toEqual(expected(trained.history.valAccuracy));
    const { stepLosses } = trained;
    expect(read['batches batch_loss']).toEqual(Array.from(stepLosses, (loss, i) => [i + 1, loss]));
    figure('values read back by tensorboard', Object.values(read).flat().length);
  },
);
