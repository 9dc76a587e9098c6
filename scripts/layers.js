// The layering rule: which folder may import which. Arrows point only downwards (ARCHITECTURE.md).
// Run by `npm run lint`. It reads import statements only, so it needs no compiler:
//   node scripts/layers.js              checks the sources; one line per wrong import, exit status 1
//   node scripts/layers.js --self-test  proves on made-up files that wrong imports are found
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import path from 'node:path';

const root = path.join(import.meta.dirname, '..');
const sourceFolders = ['blobseer-client', 'gateway', 'conformance', 'deploy'];

/** The only file of the BlobSeer client that others may name. */
const blobseer = 'blobseer-client/index.ts';
/** Contracts and components that every part of the gateway may name. */
const shared = ['gateway/clock.ts', 'gateway/limits.ts'];
/** What handlers are given at start: types only. */
const context = [...shared, 'gateway/config.ts', 'gateway/services.ts'];
/** Node's own modules that do input or output; pure folders do without. */
const ioBuiltins = [
  'child_process',
  'cluster',
  'dgram',
  'dns',
  'fs',
  'fs/promises',
  'http',
  'http2',
  'https',
  'net',
  'tls',
  'worker_threads',
];

/**
 * The first row whose `in` is a prefix of the file's path holds. `may` lists folders (ending in '/')
 * and files; a file may always import its own folder. `purely` forbids I/O modules and npm packages
 * other than those of `packages`.
 */
const layers = [
  {
    in: 'blobseer-client/algorithms/',
    may: [],
    purely: true,
    packages: [],
    why: 'the segment-tree algorithms are pure and run in every engine',
    instead: 'pass what is needed as an argument, or move the code up to the engine',
  },
  {
    in: 'blobseer-client/remote/wire/',
    may: [
      'blobseer-client/errors.ts',
      'blobseer-client/algorithms/',
      'blobseer-client/remote/testing/',
    ],
    purely: true,
    packages: ['@node-rs/crc32'],
    why: "BlobSeer's wire formats are pure functions over bytes, for both ends",
    instead: 'take the bytes as an argument, or move the code to what holds the socket',
  },
  {
    in: 'blobseer-client/',
    may: ['blobseer-client/'],
    why: 'the BlobSeer client knows nothing of S3',
    instead: 'let the caller pass it in',
  },
  {
    in: 'gateway/s3/',
    may: [],
    purely: true,
    packages: ['@node-rs/crc32', 'hash-wasm'],
    why: 'the S3 formats are pure functions over strings and bytes',
    instead: 'take the value as an argument, or move the code to the layer that needs both',
  },
  {
    in: 'gateway/auth/',
    may: ['gateway/s3/', ...shared],
    why: 'authentication asks only for a secret; it knows no storage',
    instead: 'take a look-up function as an argument',
  },
  {
    in: 'gateway/namespace/',
    may: [blobseer, ...shared],
    why: 'the namespace stands on the BlobSeer port alone',
    instead: 'return plain data and let the layer above speak S3',
  },
  {
    in: 'gateway/objects/',
    may: ['gateway/namespace/', 'gateway/s3/', blobseer, ...shared],
    why: 'objects are built from namespace and blobs and know no requests',
    instead: 'return plain data and let the operation answer',
  },
  {
    in: 'gateway/jobs/',
    may: ['gateway/objects/', 'gateway/namespace/', 'gateway/s3/', blobseer, ...context],
    why: 'jobs run beside requests, not through them',
    instead: 'move what both need down to gateway/objects',
  },
  {
    in: 'gateway/operations/',
    may: [
      'gateway/objects/',
      'gateway/namespace/',
      'gateway/s3/',
      'gateway/auth/',
      blobseer,
      ...context,
    ],
    why: 'an operation turns an S3Request into an S3Response and sees neither koa nor sockets',
    instead: 'do it in a step of gateway/pipeline',
  },
  {
    in: 'gateway/pipeline/',
    may: [
      'gateway/operations/',
      'gateway/auth/',
      'gateway/namespace/',
      'gateway/s3/',
      blobseer,
      ...context,
    ],
    why: 'a step prepares a request or writes an answer; what happens to objects is an operation',
    instead: 'call it from an operation',
  },
  {
    in: 'gateway/commands/',
    may: ['gateway/', blobseer, 'deploy/'],
    why: 'a command reads its arguments and starts the program',
    instead: 'let the program it starts do it',
  },
  {
    // main.ts, cli.ts, app.ts and the other files directly in gateway/: where all is put together.
    in: 'gateway/',
    may: ['gateway/', blobseer],
    why: 'the gateway sees BlobSeer only through its public index',
    instead: `import it from ${blobseer}`,
  },
  {
    in: 'conformance/',
    may: ['conformance/'],
    why: 'conformance looks at the gateway from outside, over HTTP, and imports no source of it',
    instead: 'say it over HTTP, or put the test beside the code',
  },
  {
    in: 'deploy/',
    // An entity is one of BlobSeer's roles behind its protocol: codec, clients, and the engine's storage.
    may: [
      'deploy/',
      blobseer,
      // A wrong word gets the same answer everywhere.
      'gateway/suggestion.ts',
      // Clouds answer in XML.
      'gateway/s3/xml-parse.ts',
      'blobseer-client/errors.ts',
      'blobseer-client/store.ts',
      'blobseer-client/remote/',
      // Its tests run the contracts on whole clusters.
      'blobseer-client/contract/',
      'blobseer-client/embedded/environment.ts',
      'blobseer-client/embedded/disk.ts',
      'blobseer-client/embedded/io-errors.ts',
      'blobseer-client/embedded/space.ts',
      'blobseer-client/testing/faulty-disk.ts',
      // Checkpoints copy data directories, and are kept in buckets too.
      'blobseer-client/embedded/checkpoint-cut.ts',
      'blobseer-client/embedded/database-cut.ts',
      'blobseer-client/embedded/directory.ts',
      'blobseer-client/embedded/directory-source.ts',
      'blobseer-client/embedded/holds.ts',
      'blobseer-client/embedded/lineage.ts',
      'blobseer-client/embedded/restored.ts',
      'gateway/auth/amz-date.ts',
      'gateway/auth/sigv4.ts',
      'gateway/s3/xml-parse.ts',
      'gateway/directory-lock.ts',
    ],
    why: 'deploy puts whole programs on machines',
    instead: 'run the program',
  },
];

/** A package that only one place may import, so that its peculiarities are known in one place. */
const packagePlaces = [
  {
    package: 'lmdb',
    in: ['blobseer-client/embedded/'],
    why: 'LMDB must be opened the same way in every process (overlappingSync off)',
  },
  {
    package: 'koa',
    in: ['gateway/app.ts', 'gateway/pipeline/'],
    why: 'handlers return data; only the pipeline speaks HTTP',
  },
  {
    package: '@koa/router',
    in: ['gateway/app.ts', 'gateway/pipeline/'],
    why: 'it serves our own paths only; S3 paths are split from the raw URL',
  },
];

/** Tests, and what only tests use: they may import packages that users do not install. */
const isTest = (file) => file.endsWith('.test.ts') || /\/(contract|testing)\//.test(file);

/** Blanks comments, keeping line numbers; strings stay, since import paths are strings. */
function withoutComments(text) {
  return text.replace(
    /("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g,
    (match, string) => string ?? match.replace(/[^\n]/g, ' '),
  );
}

/** Every module named by an import, a re-export or a dynamic import, with its line. */
function importsOf(text) {
  const code = withoutComments(text);
  const statement =
    /(?:^|[;}\n])\s*(?:import|export)\s+(?:type\s+)?(?:[\w$*{}\s,]*?\s*from\s*)?(['"])([^'"\n]+)\1|\b(?:import|require)\s*\(\s*(['"`])([^'"`\n]+)\3/g;
  const found = [];
  for (const match of code.matchAll(statement)) {
    const specifier = match[2] ?? match[4];
    const at = match.index + match[0].lastIndexOf(specifier);
    found.push({ specifier, line: code.slice(0, at).split('\n').length });
  }
  return found;
}

const packageName = (specifier) =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');

const isWithin = (file, places) =>
  places.some((place) => (place.endsWith('/') ? file.startsWith(place) : file === place));

/** Undefined when the import is right; else what is wrong with it. */
function judge(file, specifier, runtimePackages) {
  const layer = layers.find((row) => file.startsWith(row.in));
  if (layer === undefined) return undefined;
  if (!specifier.startsWith('.')) return judgePackage(file, specifier, layer, runtimePackages);

  const target = path.posix.normalize(path.posix.join(path.posix.dirname(file), specifier));
  if (isTest(target) && !isTest(file) && !file.startsWith('conformance/')) {
    return `${target} is for tests only. Instead: move what is needed out of it.`;
  }
  if (target.startsWith(layer.in) || isWithin(target, layer.may)) return undefined;
  // A test may set a whole gateway up around the file it tests, but BlobSeer stays behind its index.
  if (isTest(file) && file.startsWith('gateway/') && isWithin(target, ['gateway/', blobseer])) {
    return undefined;
  }
  return `${layer.in} may not import ${target}: ${layer.why}. Instead: ${layer.instead}.`;
}

function judgePackage(file, specifier, layer, runtimePackages) {
  const builtin = specifier.replace(/^node:/, '');
  if (builtinModules.includes(builtin)) {
    if (layer.purely && !isTest(file) && ioBuiltins.includes(builtin)) {
      return `${layer.in} may not import ${specifier}: ${layer.why}. Instead: ${layer.instead}.`;
    }
    return undefined;
  }
  if (isTest(file) || file.startsWith('conformance/')) return undefined;
  const name = packageName(specifier);
  if (!runtimePackages.includes(name)) {
    return `${name} is not among the dependencies of package.json: only tests may import it.`;
  }
  if (layer.purely && !layer.packages.includes(name)) {
    return `${layer.in} may not import ${name}: ${layer.why}. Instead: ${layer.instead}.`;
  }
  const place = packagePlaces.find((row) => row.package === name);
  if (place !== undefined && !isWithin(file, place.in)) {
    return `${name} may be imported only in ${place.in.join(', ')}: ${place.why}.`;
  }
  return undefined;
}

/** `files`: path relative to the root, and text. Returns 'file:line: reason' for each wrong import. */
function check(files, runtimePackages) {
  const wrong = [];
  for (const { file, text } of files) {
    for (const { specifier, line } of importsOf(text)) {
      const reason = judge(file, specifier, runtimePackages);
      if (reason !== undefined) wrong.push(`${file}:${line}: imports '${specifier}'. ${reason}`);
    }
  }
  return wrong;
}

function sources() {
  const files = [];
  for (const folder of sourceFolders) {
    let names = [];
    try {
      names = readdirSync(path.join(root, folder), { recursive: true }).map(String);
    } catch (error) {
      if (error.code !== 'ENOENT') throw error;
    }
    for (const name of names.filter((entry) => entry.endsWith('.ts'))) {
      const file = path.posix.join(folder, name.split(path.sep).join('/'));
      files.push({ file, text: readFileSync(path.join(root, file), 'utf8') });
    }
  }
  return files;
}

function selfTest() {
  const packages = ['koa', 'lmdb', 'hash-wasm'];
  const verdict = (file, text) => check([{ file, text }], packages);
  const right = [
    ['gateway/operations/get.ts', "import { open } from '../objects/get.ts';"],
    [
      'gateway/operations/get.ts',
      "import type { BlobSeer } from '../../blobseer-client/index.ts';",
    ],
    ['gateway/s3/xml.ts', "import { createXXHash64 } from 'hash-wasm';"],
    ['gateway/s3/xml.ts', "// import { x } from '../objects/get.ts';"],
    [
      'gateway/s3/xml.ts',
      "/* import '../objects/get.ts' */ const a = `import x from '../app.ts'`;",
    ],
    ['gateway/operations/get.test.ts', "import { app } from '../app.ts';"],
    ['blobseer-client/embedded/lmdb.ts', "import { open } from 'lmdb';"],
    ['blobseer-client/remote/wire/a.ts', "import { a } from '../../errors.ts';"],
    [
      'deploy/entities/settings.ts',
      "import { a } from '../../blobseer-client/remote/configuration.ts';",
    ],
    ['conformance/actions/a.test.ts', "import { sign } from 'aws4';"],
    ['gateway/testing/requests.ts', "import { sign } from 'aws4';"],
  ];
  for (const [file, text] of right) assert.deepEqual(verdict(file, text), [], `${file}: ${text}`);

  const wrong = [
    ['gateway/s3/xml.ts', "import { get } from '../objects/get.ts';"],
    ['gateway/s3/xml.ts', "import { readFile } from 'node:fs/promises';"],
    ['gateway/objects/put.ts', "import { a } from '../operations/put.ts';"],
    ['gateway/objects/put.ts', "import { a } from '../../blobseer-client/embedded/pages.ts';"],
    ['gateway/objects/put.test.ts', "import { a } from '../../blobseer-client/embedded/pages.ts';"],
    ['gateway/main.ts', "const a = await import('../blobseer-client/embedded/pages.ts');"],
    ['gateway/namespace/a.ts', "export * from '../s3/errors.ts';"],
    ['gateway/namespace/a.ts', "export type { S3Error } from '../s3/errors.ts';"],
    ['gateway/auth/sigv4.ts', "import type {\n  Namespace,\n} from '../namespace/namespace.ts';"],
    ['gateway/operations/get.ts', "import Koa from 'koa';"],
    ['gateway/operations/get.ts', "import '../pipeline/respond.ts';"],
    ['gateway/pipeline/a.ts', "import { a } from '../objects/get.ts';"],
    ['gateway/pipeline/a.ts', "import { open } from 'lmdb';"],
    [
      'gateway/commands/serve.ts',
      "import { a } from '../../blobseer-client/remote/deployment.ts';",
    ],
    ['blobseer-client/remote/deployment.ts', "import '../../deploy/entities/settings.ts';"],
    ['gateway/cli.ts', "import aws4 from 'aws4';"],
    ['gateway/cli.ts', "import { request } from './testing/requests.ts';"],
    ['blobseer-client/blob.ts', "import { S3Error } from '../gateway/s3/errors.ts';"],
    ['blobseer-client/algorithms/tree.ts', "import { a } from '../blobseer.ts';"],
    ['blobseer-client/remote/wire/a.ts', "import { connect } from 'node:net';"],
    ['blobseer-client/remote/wire/a.ts', "import { a } from '../transport.ts';"],
    ['conformance/actions/a.test.ts', "import { a } from '../../gateway/clock.ts';"],
  ];
  for (const [file, text] of wrong) {
    const found = verdict(file, text);
    assert.equal(found.length, 1, `not found: ${file}: ${text}`);
    assert.match(found[0], new RegExp(`^${file.replaceAll('.', '\\.')}:\\d+: imports '`));
  }
  const [third] = verdict('gateway/s3/a.ts', "const a = 1;\n\nimport { b } from '../app.ts';\n");
  assert.match(third, /^gateway\/s3\/a\.ts:3: /, 'the line of the import');
}

if (process.argv.includes('--self-test')) {
  selfTest();
  console.log('layers: the self-test passed');
} else {
  const { dependencies } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
  const files = sources();
  const wrong = check(files, Object.keys(dependencies));
  for (const line of wrong) console.error(line);
  if (wrong.length > 0) {
    console.error(`layers: ${wrong.length} wrong imports`);
    process.exit(1);
  }
  console.log(`layers: ${files.length} files, every import points the right way`);
}
