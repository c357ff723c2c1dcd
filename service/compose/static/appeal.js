// What becomes of an appeal: asked again and again, ever less often, until the reviewers have decided.

const FIRST_LOOK = 5000;
const LAST_LOOK = 60000;

export class AppealWatch {
  /** `look` asks for a screening, `decided` receives the appeal, what was contested, and the screening. */
  constructor(look, decided) {
    this.look = look;
    this.decided = decided;
  }

  /** @param {{id: string, draft: string}} contested @param {number} pause in milliseconds before the first look */
  begin(contested, pause = FIRST_LOOK) {
    this.stop();
    this.timer = setTimeout(async () => {
      const seen = await this.look(contested.id).catch(() => null);
      const appeal = seen?.appeal ?? { state: "open" };
      if (appeal.state === "open") this.begin(contested, Math.min(pause * 1.5 || FIRST_LOOK, LAST_LOOK));
      else this.decided(appeal, contested, seen);
    }, pause);
  }

  stop() {
    clearTimeout(this.timer);
  }
}
