/**
 * Thousands of power cuts, by hand:
 *   node dist/blobseer-client/embedded/testing/power-cut-run.js --cuts 5000 --seed 7
 * Options: --scenario one|two|killed (all three by default), --commits, --seconds, --second-cuts, --from-the-start,
 * --lost-syncs (of 1000: syncs taken for not made, to see that they are missed);
 * `--again FOLDER` repeats a run that had failures, from the traces it has kept; with --at and --mode one cut
 * of its first writers, whose disk is left in --disk FOLDER.
 */
import { parseArgs } from 'node:util';
import { type CutMode, cutModes } from './disk-image.ts';
import { cutPower, optionsOf, type PowerCutOptions, type Scenario } from './power-cut.ts';

const { values } = parseArgs({
  options: {
    cuts: { type: 'string', default: '1000' },
    seed: { type: 'string', default: `${Math.floor(Math.random() * 2 ** 31)}` },
    scenario: { type: 'string', multiple: true, default: ['one', 'two', 'killed'] },
    commits: { type: 'string', default: '300' },
    seconds: { type: 'string', default: '5' },
    'second-cuts': { type: 'string', default: '100' },
    'from-the-start': { type: 'boolean', default: false },
    'lost-syncs': { type: 'string', default: '0' },
    at: { type: 'string' },
    mode: { type: 'string' },
    disk: { type: 'string' },
    again: { type: 'string' },
  },
});

/** More say nothing new. */
const mostShown = 20;

async function show(options: PowerCutOptions): Promise<void> {
  const beganMs = performance.now();
  const { failures, folder, ...report } = await cutPower(options);
  const seconds = ((performance.now() - beganMs) / 1000).toFixed(1);
  const { seed, scenario } = options;
  console.log(`seed ${seed}, ${scenario}, ${seconds} s, ${failures.length} failures:`, report);
  for (const failure of failures.slice(0, mostShown)) console.log(failure);
  if (failures.length > 0) {
    process.exitCode = 1;
    console.log(`the traces are in ${folder}: --again ${folder}`);
  }
}

if (values.again !== undefined) {
  const options = optionsOf(values.again);
  const mode = (values.mode ?? cutModes[0]) as CutMode;
  const only = values.at && { at: Number(values.at), mode, seed: options.seed };
  await show(
    only
      ? { ...options, only, seconds: 0, ...(values.disk && { diskFolder: values.disk }) }
      : options,
  );
} else {
  for (const scenario of values.scenario as Scenario[]) {
    await show({
      seed: Number(values.seed),
      scenario,
      commits: Number(values.commits),
      cuts: Number(values.cuts),
      seconds: Number(values.seconds),
      secondCuts: Number(values['second-cuts']),
      lostSyncsPerMille: Number(values['lost-syncs']),
      fromTheStart: values['from-the-start'],
    });
  }
}
