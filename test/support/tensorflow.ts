/** A small TensorFlow and a small tfjs-node, whose binding compiles, links and loads as the real one's does. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, renameSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { writeTree } from './script';

/** The `tensorflow` folder of a wheel in `site`, with the wheel's record beside it. @returns the folder */
export function fakeTensorflow(site: string, { version = '9.9.9', cuda = false } = {}): string {
  const home = join(site, 'tensorflow');
  const info = cuda ? "('cuda_version', '12.5.1'), ('is_cuda_build', True)" : "('is_cuda_build', False)";
  writeTree(site, {
    'tensorflow/include/tensorflow/c/eager/c_api.h': 'extern "C" const char* TF_Version();\n',
    'tensorflow/python/platform/build_info.py': `build_info = dict([${info}])\n`,
    'tensorflow/cc.cc': `extern "C" const char* TF_Version() { return "${version}"; }\n`,
    'tensorflow/framework.cc': 'extern "C" int TF_Framework() { return 1; }\n',
    [`tensorflow${cuda ? '' : '_cpu'}-${version}.dist-info/METADATA`]: '',
  });
  for (const name of ['cc', 'framework']) {
    const library = `libtensorflow_${name}.so.2`;
    const args = ['-shared', '-fPIC', `-Wl,-soname,${library}`, `${name}.cc`, '-o', library];
    execFileSync('g++', args, { cwd: home });
  }
  return home;
}

/** An unpacked libtensorflow: the same libraries under their names there, in lib/. @returns the folder */
export function fakeArchive(folder: string, version = '2.18.1'): string {
  const home = fakeTensorflow(folder, { version });
  const lib = join(folder, 'libtensorflow', 'lib');
  mkdirSync(lib, { recursive: true });
  renameSync(join(home, 'include'), join(folder, 'libtensorflow', 'include'));
  renameSync(join(home, 'libtensorflow_framework.so.2'), join(lib, 'libtensorflow_framework.so.2'));
  const args = ['-shared', '-fPIC', '-Wl,-soname,libtensorflow.so.2', join(home, 'cc.cc')];
  execFileSync('g++', [...args, '-o', join(lib, `libtensorflow.so.${version}`)]);
  symlinkSync(`libtensorflow.so.${version}`, join(lib, 'libtensorflow.so.2'));
  return join(folder, 'libtensorflow');
}

/** What the binding of this tfjs-node does is decided where it is loaded: FAKE_GPU=1 sees one. */
const BINDING = `#include <tensorflow/c/eager/c_api.h>
#include <node_api.h>
#include <cstdlib>
static napi_value SeesGpu(napi_env env, napi_callback_info) {
  napi_value result;
  napi_get_boolean(env, std::getenv("FAKE_GPU") != nullptr, &result);
  return result;
}
NAPI_MODULE_INIT() {
  napi_value version, sees;
  napi_create_string_utf8(env, TF_Version(), NAPI_AUTO_LENGTH, &version);
  napi_set_named_property(env, exports, "TF_Version", version);
  napi_create_function(env, nullptr, 0, SeesGpu, nullptr, &sees);
  napi_set_named_property(env, exports, "isUsingGpuDevice", sees);
  return exports;
}
`;

/**
 * An npm for `npm_execpath`: \`ci\` unpacks a small tfjs-node and a small tfjs-node-gpu, \`run install\` copies
 * FAKE_BINDING to where their install script would leave it. Each call adds a line to npm.calls beside it.
 * FAKE_NPM=fails: it does nothing else. @returns its path
 */
export function fakeNpm(folder: string, binding = BINDING): string {
  mkdirSync(folder, { recursive: true });
  writeTree(folder, {
    'npm.cjs': `const { appendFileSync, copyFileSync, cpSync, mkdirSync } = require('node:fs');
      const { join } = require('node:path');
      const args = process.argv.slice(2);
      appendFileSync(join(__dirname, 'npm.calls'), args.join(' ') + '\\n');
      if (process.env.FAKE_NPM === 'fails') { console.log('npm error network is down'); process.exit(1); }
      if (args[0] === 'ci') cpSync(join(__dirname, 'modules'), join(args[args.indexOf('--prefix') + 1], 'node_modules'), { recursive: true });
      else {
        if (!process.env.FAKE_BINDING) { console.log('Error: no such archive'); process.exit(1); }
        mkdirSync('lib/napi-v8', { recursive: true });
        copyFileSync(process.env.FAKE_BINDING, 'lib/napi-v8/tfjs_binding.node');
      }`,
  });
  for (const name of ['tfjs-node', 'tfjs-node-gpu']) {
    writeTree(join(folder, 'modules', '@tensorflow', name), {
      'package.json': JSON.stringify({ name: `@tensorflow/${name}`, version: '4.22.0' }),
      'dist/index.js.map': 'a map',
      'binding/tfjs_backend.cc': '',
      'binding/tfjs_binding.cc': binding,
    });
  }
  return join(folder, 'npm.cjs');
}
