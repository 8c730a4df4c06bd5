import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

const root = resolve(__dirname, '../..');

function filesBelow(folder: string, pattern: RegExp): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => pattern.test(name))
    .map((name) => join(folder, name));
}

/**
 * Who may import from where, by the first rule that fits the importing file. Downward only:
 * cli → index → io → model → runs → train → data → contract ← backends; below them all what stands on the ground.
 */
const GROUND = /^(errors|random|arguments|version|memory|cache-folder|counted|shape|files\/.*)$/;
const RULES: Array<[from: RegExp, to: RegExp]> = [
  [GROUND, GROUND],
  [/^cli\//, /^(cli|data|io|runs|profile|bench|report)\/|^index$/],
  [/^report\//, /^report\//],
  [/^index$/, /^(io|model|runs|train|data|profile|backend)\//],
  // Loading a model builds one.
  [/^io\//, /^(io|model|runs|train|data)\/|^backend\/contract$/],
  [/^model\//, /^(model|runs|train|data)\/|^backend\/(contract|select|selection|request)$/],
  // A checkpoint knows of no model, so that fit can open it.
  [/^runs\//, /^(runs|train)\/|^backend\/contract$/],
  [/^train\//, /^(train|data)\/|^backend\/contract$/],
  [/^bench\//, /^bench\/|^backend\/native\/measure$/],
  [/^data\//, /^data\/|^backend\/contract$/],
  // Figures, tables, traces and pages, from values alone.
  [/^profile\//, /^(profile|bench|report)\/|^backend\/contract$/],
  [/^backend\/native\//, /^backend\/native\/|^backend\/[\w-]+$/],
  [/^backend\/tfjs\//, /^backend\/tfjs\/|^backend\/[\w-]+$/],
  [/^backend\/select$/, /^backend\//],
  [/^backend\/[\w-]+$/, /^backend\/[\w-]+$/],
];

const moduleName = (file: string) => relative(join(root, 'src'), file).replace(/(\/index)?\.ts$/, '');

/** What a file imports, by line: `import … from`, `export … from`, `import()`, `require()`, types. */
function importsOf(file: string, text: string): { to: string; line: number }[] {
  const pattern = /(?:\bfrom\s*|\bimport\s*\(\s*|\brequire\s*\(\s*|^\s*import\s+)['"](\.[^'"]*)['"]/g;
  return text.split('\n').flatMap((line, i) =>
    [...line.matchAll(pattern)].map(([, target]) => ({
      to: moduleName(`${resolve(dirname(file), target.replace(/\.(js|ts)$/, ''))}.ts`),
      line: i + 1,
    })),
  );
}

/** Every import that the rules forbid. */
function violations(file: string, text: string): string[] {
  const from = moduleName(file);
  const rule = RULES.find(([pattern]) => pattern.test(from));
  if (!rule) return [`src/${from}.ts: no rule says where it stands; add one to architecture.test.ts`];
  return importsOf(file, text)
    .filter(({ to }) => !GROUND.test(to) && !rule[1].test(to))
    .map(({ to, line }) => `${relative(root, file)}:${line}: ${from} may not import ${to}`);
}

/** Files that import each other, however many in a ring: a → b → a. */
function circles(imports: Map<string, readonly string[]>): string[] {
  const found: string[] = [];
  const done = new Set<string>();
  const visit = (name: string, path: readonly string[]): void => {
    if (path.includes(name)) found.push([...path.slice(path.indexOf(name)), name].join(' → '));
    if (done.has(name)) return;
    done.add(name);
    for (const next of imports.get(name) ?? []) visit(next, [...path, name]);
  };
  for (const name of imports.keys()) visit(name, []);
  return found;
}

test('the top level holds what it is to hold', () => {
  const wanted =
    /^(package(-lock)?\.json|tsconfig\.json|binding\.gyp|native|src|scripts|test|README\.md|CONTRIBUTING\.md|LICENSE|\..+)$/;
  const ignored = readFileSync(join(root, '.gitignore'), 'utf8').split(/\n\/?/);
  const left = readdirSync(root).filter((name) => !wanted.test(name) && !ignored.includes(`${name}/`));
  expect(left.filter((name) => !name.endsWith('.tgz'))).toEqual([]);
});

test('src/ imports run downward only', () => {
  const files = filesBelow(join(root, 'src'), /\.ts$/);
  expect(files.length).toBeGreaterThan(10);
  expect(files.flatMap((file) => violations(file, readFileSync(file, 'utf8')))).toEqual([]);
});

test('no files of src/ import each other in a circle', () => {
  const files = filesBelow(join(root, 'src'), /\.ts$/);
  const imports = files.map((file): [string, string[]] => [
    moduleName(file),
    importsOf(file, readFileSync(file, 'utf8')).map(({ to }) => to),
  ]);
  expect(circles(new Map(imports))).toEqual([]);
  const ring = { a: ['b', 'c'], b: ['d'], c: [], d: ['b'] };
  expect(circles(new Map(Object.entries(ring)))).toEqual(['b → d → b']);
});

test.each([
  ['data/x.ts', "import { fit } from '../train/fit';"],
  ['train/x.ts', "export * from '../model/model';"],
  ['model/x.ts', "const binding = await import('../backend/native/binding');"],
  ['backend/tfjs/x.ts', "import type { Binding } from '../native/binding';"],
  ['cli/commands/x.ts', "const { Model } = require('../../model/model');"],
  ['new-folder/x.ts', ''],
])('src/%s: %s is seen', (name, text) => {
  expect(violations(join(root, 'src', name), text)).toHaveLength(1);
});

test('only the binding names the native module', () => {
  const naming = filesBelow(join(root, 'src'), /\.ts$/)
    .filter((file) =>
      /\bfusor\.node\b|process\.dlopen/.test(
        readFileSync(file, 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, ''),
      ),
    )
    .map((file) => relative(root, file));
  expect(naming.filter((file) => file !== 'src/backend/native/binding.ts')).toEqual([]);
});

/**
 * What native code may include of native/, by the first rule that fits the including file. Downward only:
 * addon → bench → trainer_for → the three kinds of trainers → what they share → cuda → kernels.
 */
const NATIVE_RULES: Array<[from: RegExp, to: RegExp]> = [
  [/^failure\.h$/, /^$/],
  // The emulation is found where kernels are compiled for it.
  [/^kernels\//, /^kernels\/|^emulated\.h$/],
  [/^cuda\//, /^cuda\//],
  [/^engine\/fused\//, /^(engine\/fused|kernels)\/|^engine\/[\w.]+$/],
  [/^engine\/(cuda|framework)\//, /^(cuda|kernels)\/|^engine\/[\w.]+$/],
  [/^engine\/trainer_for\./, /^(engine|cuda|kernels)\//],
  [/^engine\//, /^(cuda|kernels)\/|^engine\/[\w.]+$/],
  [/^bench\//, /^(bench|engine|cuda|kernels)\//],
  [/^addon\//, /^(addon|bench|engine|cuda|kernels)\//],
  [/^test\//, /^/],
];
/** Beside its own folder, as failure.h. */
const ANYWHERE = /^failure\.h$/;

/** Every include that the rules forbid: of a path from the file's folder, else from native/. */
function nativeViolations(file: string, text: string, isThere: (path: string) => boolean): string[] {
  const native = join(root, 'native');
  const from = relative(native, file);
  const rule = NATIVE_RULES.find(([pattern]) => pattern.test(from));
  if (!rule) return [`native/${from}: no rule says where it stands; add one to architecture.test.ts`];
  return [...text.matchAll(/^#include "([^"]+)"/gm)].flatMap(([, written]) => {
    const paths = [resolve(dirname(file), written), resolve(native, written)].filter(isThere);
    const to = paths.length > 0 ? relative(native, paths[0]) : written;
    const own = dirname(to) === dirname(from);
    return own || ANYWHERE.test(to) || rule[1].test(to) ? [] : [`native/${from} may not include ${to}`];
  });
}

test('native/ includes run downward only', () => {
  const files = filesBelow(join(root, 'native'), /\.(cc|h|cu)$/);
  expect(files.length).toBeGreaterThan(100);
  expect(files.flatMap((file) => nativeViolations(file, readFileSync(file, 'utf8'), existsSync))).toEqual([]);
});

test.each([
  ['kernels/cpu/x.h', '../../engine/plan.h'],
  ['cuda/x.cc', 'engine/plan.h'],
  ['engine/fused/x.cc', '../framework/torch.h'],
  ['engine/team.cc', 'fused/trainer.h'],
  ['bench/x.cc', '../addon/worker.h'],
  ['new-folder/x.cc', ''],
])('native/%s: an include of %s is seen', (name, include) => {
  expect(nativeViolations(join(root, 'native', name), `#include "${include}"\n`, existsSync)).toHaveLength(1);
});

test('native/: kernels include neither torch nor napi, the engine no napi, and torch in few places', () => {
  const banned: Array<[folder: string, include: RegExp]> = [
    ['kernels', /#include\s*[<"](torch|ATen|c10|caffe2|napi|node_api)/],
    ['test', /#include\s*[<"](torch|ATen|c10|caffe2|napi|node_api)/],
    ['engine', /#include\s*[<"](napi|node_api)/],
    ...['cuda', 'engine/fused', 'engine/cuda'].map((folder): [string, RegExp] => [
      folder,
      /#include\s*[<"](torch|ATen|c10|caffe2)/,
    ]),
  ];
  const wrong = banned.flatMap(([folder, include]) =>
    filesBelow(join(root, 'native', folder), /\.(cc|h|cu)$/).flatMap((file) =>
      readFileSync(file, 'utf8')
        .split('\n')
        .flatMap((line, i) =>
          include.test(line) ? [`${relative(root, file)}:${i + 1}: ${line.trim()}`] : [],
        ),
    ),
  );
  expect(wrong).toEqual([]);
});
