#!/usr/bin/env node
// The command `blobseer-s3`. The sources are TypeScript: `npm run build` puts what runs into dist/.
import { main } from '../dist/gateway/main.js';

await main(process.argv.slice(2));
