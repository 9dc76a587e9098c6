/**
 * The pages of zeros that closed versions name: one for each page size, stored once and for ever. No object
 * names them, so that nobody would ever release them.
 */
import type { Environment } from '../../blobseer-client/embedded/environment.ts';
import type { CallOptions } from '../../blobseer-client/remote/transport.ts';
import type { RepairTools } from '../../blobseer-client/remote/unchanged-version.ts';
import type { EntityTable } from './state.ts';

export class ZeroPages {
  readonly #state: Environment;
  /** page size, replicas -> page key. */
  readonly #table: EntityTable;
  readonly #tools: RepairTools;
  /** What is being looked up or stored, by row: blobs are closed several at once. */
  readonly #underWay = new Map<string, Promise<Buffer>>();

  constructor(state: Environment, tools: RepairTools) {
    this.#state = state;
    this.#table = state.table('zero-pages');
    this.#tools = tools;
  }

  /** Its key; stored now where it never was, or where its list of providers is gone. */
  key(pageSize: number, replicas: number, options?: CallOptions): Promise<Buffer> {
    const row = Buffer.allocUnsafe(12);
    row.writeDoubleBE(pageSize, 0);
    row.writeUInt32BE(replicas, 8);
    const name = row.toString('hex');
    const underWay = this.#underWay.get(name);
    if (underWay !== undefined) return underWay;
    const key = this.#key(row, pageSize, replicas, options).finally(() =>
      this.#underWay.delete(name),
    );
    this.#underWay.set(name, key);
    return key;
  }

  async #key(
    row: Buffer,
    pageSize: number,
    replicas: number,
    options?: CallOptions,
  ): Promise<Buffer> {
    this.#state.refresh();
    const known = this.#table.get(row);
    if (known !== undefined) {
      const [list] = await this.#tools.metadata.pages([known], options);
      if (list !== undefined) return known;
    }
    const key = await this.#tools.storeZeroPage(pageSize, replicas, options);
    await this.#state.commit((transaction) => transaction.put(this.#table, row, key));
    return key;
  }
}
