import { testProviders, testVersionManager } from '../contract/roles.ts';
import { withEngine } from '../testing/engines.ts';

testProviders('embedded', (run) => withEngine((engine) => run(engine)));
testVersionManager('embedded', (run) => withEngine((engine) => run(engine)));
