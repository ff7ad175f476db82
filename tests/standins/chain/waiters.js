// Long polls: a test waits here until something has happened, instead of sleeping.

export class Waiters {
  #waiting = new Set();

  /** Resolves to true as soon as `isTrue()` is, or to false after `timeoutMs`. */
  wait(isTrue, timeoutMs) {
    if (isTrue()) return Promise.resolve(true);
    return new Promise((resolve) => {
      const waiter = { isTrue, finish: (result) => this.#finish(waiter, resolve, result) };
      waiter.timer = setTimeout(() => waiter.finish(false), timeoutMs);
      this.#waiting.add(waiter);
    });
  }

  /** Something may have happened. */
  notify() {
    for (const waiter of this.#waiting) if (waiter.isTrue()) waiter.finish(true);
  }

  /** Ends all waits. */
  close() {
    for (const waiter of this.#waiting) waiter.finish(false);
  }

  #finish(waiter, resolve, result) {
    clearTimeout(waiter.timer);
    this.#waiting.delete(waiter);
    resolve(result);
  }
}
