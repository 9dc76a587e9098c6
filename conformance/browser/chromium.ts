/** The browser: the machine's own Chromium, never a downloaded one. */
import { accessSync, constants } from 'node:fs';
import path from 'node:path';
import { type Browser, chromium } from 'playwright-core';

const names = ['chromium', 'chromium-browser', 'google-chrome'];

/** What is asked of the environment; .ci/run sets REQUIRE_CHROMIUM. */
export const browserRequired = (process.env.REQUIRE_CHROMIUM ?? '') !== '';
export const browserMissing =
  'no Chromium: install it (Debian: apt-get install chromium) or name one in CHROMIUM=/path/to/it';

/** CHROMIUM from the environment, else the first one on PATH; undefined where there is none. */
export function findChromium(): string | undefined {
  const named = process.env.CHROMIUM;
  if (named !== undefined && named !== '') return named;
  const folders = (process.env.PATH ?? '').split(path.delimiter);
  const candidates = names.flatMap((name) => folders.map((folder) => path.join(folder, name)));
  return candidates.find((file) => {
    try {
      accessSync(file, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Starts it over a user directory of its own, which goes when it is closed. */
export async function launchChromium(executablePath: string): Promise<Browser> {
  return await chromium.launch({
    executablePath,
    headless: true,
    args: [
      // Chromium's sandbox needs what containers do not give, and refuses root.
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      // Nothing but the test's own servers is talked to.
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      // /dev/shm is small in containers.
      '--disable-dev-shm-usage',
    ],
  });
}
