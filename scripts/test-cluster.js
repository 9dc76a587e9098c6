// Runs the compiled conformance tests on a BlobSeer of entities: one for all of them, started here and removed
// at the end. Words choose tests as they do for test.js:
//   node scripts/test-cluster.js actions versioning-model
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { BlobSeer } from '../dist/conformance/harness/blobseer.js';

const words = process.argv.slice(2);
const blobseer = await BlobSeer.start();
console.log(`BlobSeer: ${blobseer.configFile}`);
try {
  const tests = spawn(
    process.execPath,
    [path.join(import.meta.dirname, 'test.js'), ...(words.length > 0 ? words : ['conformance'])],
    { stdio: 'inherit', env: { ...process.env, ...blobseer.environment } },
  );
  const [status, signal] = await once(tests, 'exit');
  if (signal !== null) console.error(`the tests were ended by ${signal}`);
  process.exitCode = status ?? 1;
} finally {
  await blobseer.remove();
}
