// The merchant's text, kept in this tab until it is sent: a crash, a reload or a dead service loses nothing.

export class Keeping {
  /** @param {string} key */
  constructor(key) {
    this.key = `draft-screen:${key}`;
  }

  /** @returns {{draft?: Record<string, string>, contested?: {id: string, draft: string} | null}} */
  read() {
    return this.#stored((storage) => JSON.parse(storage.getItem(this.key))) ?? {};
  }

  /** Add to what is kept. */
  keep(part) {
    const all = JSON.stringify({ ...this.read(), ...part });
    this.#stored((storage) => storage.setItem(this.key, all));
  }

  forget() {
    this.#stored((storage) => storage.removeItem(this.key));
  }

  /** A browser that refuses storage is no reason to stop anyone. */
  #stored(use) {
    try {
      return use(sessionStorage);
    } catch {
      return null;
    }
  }
}
