// The files that take longest first, so that no worker is left alone with one at the end. Where no earlier run has left its
// times, jest goes by the size of files, which says little of them.
const Sequencer = require('@jest/test-sequencer').default;

const LONGEST = [
  'unit/fuzz',
  'cli/resume',
  'cli/verify',
  'native/boundary',
  'conformance/spans',
  'conformance/steps',
];

const place = ({ path }) => {
  const at = LONGEST.findIndex((name) => path.endsWith(`/${name}.test.ts`));
  return at < 0 ? LONGEST.length : at;
};

module.exports = class LongestFirst extends Sequencer {
  sort(tests) {
    return super.sort(tests).sort((a, b) => place(a) - place(b));
  }
};
