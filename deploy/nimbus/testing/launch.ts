/**
 * What cloudinit.d makes of a launch plan: levels in their order, services with their replicas, variables
 * that earlier levels have the values of, and for each service what its boot program finds beside it.
 */
export interface LaunchedService {
  readonly level: string;
  readonly name: string;
  readonly hostname: string;
  readonly settings: ReadonlyMap<string, string>;
  /** The text of bootenv.sh; undefined where there is no bootconf. */
  readonly bootEnvironment: string | undefined;
}

type Sections = ReadonlyMap<string, ReadonlyMap<string, string>>;

/** `fileOf` has the text of a file of the plan, or throws. */
export function launch(fileOf: (name: string) => string): LaunchedService[] {
  const top = sectionsOf(fileOf('top.conf'));
  const levels = [...top.get('runlevels')!].toSorted(([a], [b]) => levelNumber(a) - levelNumber(b));
  const services = new Map<string, LaunchedService>();
  for (const [level, file] of levels) {
    for (const [section, own] of sectionsOf(fileOf(file))) {
      const base = section.replace(/^svc-/, '');
      const settings = new Map([...top.get('defaults')!, ...top.get(own.get('cloud')!)!, ...own]);
      const count = Number(settings.get('replica_count') ?? 1);
      for (let at = 0; at < count; at++) {
        const name = count > 1 ? `${base}-${at}` : base;
        if (services.has(name)) throw new Error(`two services are called ${name}`);
        const expand = (text: string): string =>
          text.replace(/\$\{(.*?)\.hostname\}/g, (_, of: string) => services.get(of)!.hostname);
        const shared = settings.get('hostname');
        const hostname = shared === undefined ? `${name}.example.org` : expand(shared);
        if ((shared === undefined) !== settings.has('image')) throw new Error(`${name}: image?`);
        const bootEnvironment = environmentOf(settings, fileOf, expand);
        services.set(name, { level, name, hostname, settings, bootEnvironment });
      }
    }
  }
  return [...services.values()];
}

const levelNumber = (name: string): number => Number(name.replace('level', ''));

function environmentOf(
  settings: ReadonlyMap<string, string>,
  fileOf: (name: string) => string,
  expand: (text: string) => string,
): string | undefined {
  const template = settings.get('bootconf');
  if (template === undefined) return undefined;
  const deps = sectionsOf(fileOf(settings.get('deps')!)).get('deps')!;
  const filled = fileOf(template).replace(/\$\{(\w+)\}/g, (_, key: string) => {
    const value = deps.get(key);
    if (value === undefined) throw new Error(`${template}: nothing for ${key}`);
    return expand(value);
  });
  const told = JSON.parse(filled) as Record<string, string>;
  return Object.entries(told)
    .map(([name, value]) => `export ${name}="${value}"\n`)
    .join('');
}

function sectionsOf(text: string): Sections {
  const sections = new Map<string, Map<string, string>>();
  let section = new Map<string, string>();
  for (const line of text.split('\n').filter((one) => one !== '')) {
    const [, name] = /^\[([\w-]+)\]$/.exec(line) ?? [];
    const [, key, value] = /^([a-z]\w*): (\S.*)$/.exec(line) ?? [];
    if (name !== undefined) {
      section = new Map();
      sections.set(name, section);
    } else if (key !== undefined && value !== undefined) {
      section.set(key, value);
    } else {
      throw new Error(`not a line of a plan: ${line}`);
    }
  }
  return sections;
}
