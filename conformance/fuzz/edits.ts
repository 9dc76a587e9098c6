/** Applies edits to texts, and resolves the marks of a plan. Everything is a byte string (latin1). */
import type { Edit } from './plan.ts';

/** Texts do not grow beyond this: what is larger is refused by its length alone. */
const maxTextBytes = 2 * 1024 * 1024;

export function edited(text: string, edits: readonly Edit[]): string {
  return edits.reduce(applied, text);
}

function applied(text: string, edit: Edit): string {
  const place = (share: number) => Math.floor(share * text.length);
  switch (edit.kind) {
    case 'cut':
      return text.slice(0, place(edit.at));
    case 'insert':
      return text.slice(0, place(edit.at)) + edit.text + text.slice(place(edit.at));
    case 'replace': {
      const [from, to] = [edit.at, edit.to].sort((a, b) => a - b).map(place);
      return text.slice(0, from) + edit.text + text.slice(to);
    }
    case 'repeat': {
      const [from, to] = [edit.at, edit.to].sort((a, b) => a - b).map(place);
      return times(text, from ?? 0, to ?? 0, edit.times);
    }
    case 'nest':
      return `<${edit.name}>`.repeat(edit.depth) + text + `</${edit.name}>`.repeat(edit.depth);
    case 'utf16':
      return Buffer.from(
        `\ufeff${Buffer.from(text, 'latin1').toString('utf8')}`,
        'utf16le',
      ).toString('latin1');
    case 'flip': {
      const at = place(edit.at);
      const flipped = String.fromCharCode((text.charCodeAt(at) ^ edit.mask) & 0xff);
      return at < text.length ? text.slice(0, at) + flipped + text.slice(at + 1) : text;
    }
    case 'value': {
      const found = nth(text, />([^<>]*)<\//g, edit.index);
      if (found === undefined) return text;
      const from = found.index + 1;
      return text.slice(0, from) + edit.text + text.slice(from + (found[1]?.length ?? 0));
    }
    case 'element': {
      const found = nth(text, /<(\w+)>[^<>]*<\/\1>/g, edit.index);
      if (found === undefined) return text;
      return times(text, found.index, found.index + found[0].length, edit.times);
    }
  }
}

function times(text: string, from: number, to: number, count: number): string {
  const most = Math.floor(maxTextBytes / Math.max(1, to - from));
  return text.slice(0, from) + text.slice(from, to).repeat(Math.min(count, most)) + text.slice(to);
}

function nth(text: string, pattern: RegExp, index: number): RegExpExecArray | undefined {
  const all = [...text.matchAll(pattern)];
  return all[index % Math.max(1, all.length)];
}
