// Film reviews, good or bad by their words: node scripts/examples/imdb.mjs [ROWS] [FOLDER]
import { datasets, layers, ndarray, sequential } from 'fusor';

const [rows, folder] = process.argv.slice(2);
const given = { limit: Number(rows) || undefined, ...(folder && { dataDir: folder }) };
const { train, test, words } = await datasets.imdb(given);

const model = sequential([
  layers.dense(16, { activation: 'relu', inputShape: [words.length] }),
  layers.dense(16, { activation: 'relu' }),
  layers.dense(1, { activation: 'sigmoid' }),
]);
model.compile({ optimizer: 'rmsprop', loss: 'binaryCrossentropy', metrics: ['accuracy'] });
await model.fit(train.x, train.y, { epochs: 4, batchSize: 512, validationSplit: 0.2, seed: 7 });
console.log(`test accuracy ${(await model.evaluate(test.x, test.y)).accuracy.toFixed(4)}`);

for (const review of ['a good film', 'bad, and the film is too long']) {
  const said = new Set(review.split(/\W+/));
  const row = Uint8Array.from(words, (word) => Number(said.has(word)));
  const { data } = await model.predict(ndarray(row, [1, words.length]));
  console.log(`${review}: ${(100 * data[0]).toFixed(0)} % good`);
}
