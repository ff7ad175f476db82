// How often each operation of each API was asked for, and with which HTTP statuses it was answered.

export class Counters {
  #counts = new Map();

  asked(api, operation) {
    this.#of(api, operation).requests++;
  }

  /** `status` is a number, or "hang" or "reset" for a reply that was none. */
  answered(api, operation, status) {
    const { answers } = this.#of(api, operation);
    answers[status] = (answers[status] ?? 0) + 1;
  }

  requests(api, operation) {
    return this.#counts.get(`${api} ${operation}`)?.requests ?? 0;
  }

  clear() {
    this.#counts.clear();
  }

  /** { api: { operation: { requests, answers: { status: count } } } } */
  toJSON() {
    const out = {};
    for (const [key, value] of this.#counts) {
      const [api, operation] = key.split(' ');
      (out[api] ??= {})[operation] = value;
    }
    return out;
  }

  #of(api, operation) {
    const key = `${api} ${operation}`;
    if (!this.#counts.has(key)) this.#counts.set(key, { requests: 0, answers: {} });
    return this.#counts.get(key);
  }
}
