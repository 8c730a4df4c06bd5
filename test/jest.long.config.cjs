// The long tier, `npm run test:long`: what takes minutes to hours. Same rules as the fast one, other files.
const fast = require('./jest.config.cjs');

module.exports = {
  ...fast,
  testMatch: ['<rootDir>/long/**/*.test.ts'],
  testPathIgnorePatterns: ['/node_modules/'],
  testTimeout: 2 * 60 * 60_000,
};
