// `../../src/x` written in a test means the compiled `dist/x`. A resolver, not a moduleNameMapper: packages in
// node_modules have `../src/` folders of their own.
const path = require('node:path');

const root = path.dirname(__dirname);
const source = path.join(root, 'src');

module.exports = (request, options) => {
  if (request.startsWith('.')) {
    const wanted = path.resolve(options.basedir, request);
    if (wanted === source || wanted.startsWith(source + path.sep)) {
      const compiled = path.join(root, 'dist', path.relative(source, wanted)).replace(/\.ts$/, '.js');
      return options.defaultResolver(compiled, options);
    }
  }
  return options.defaultResolver(request, options);
};
