// Tests are TypeScript; what they import from src/ is the compiled dist/, so that what ships is what is tested.
module.exports = {
  rootDir: __dirname,
  testMatch: ['<rootDir>/**/*.test.ts'],
  testPathIgnorePatterns: ['/node_modules/', '<rootDir>/long/'],
  testEnvironment: 'node',
  testTimeout: 60_000,
  maxWorkers: 2,
  resolver: '<rootDir>/jest.resolver.cjs',
  transform: {
    '\\.ts$': [
      '@swc/jest',
      { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' }, module: { type: 'commonjs' } },
    ],
  },
};
