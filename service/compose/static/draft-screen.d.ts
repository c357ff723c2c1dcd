/**
 * <draft-screen>: screens the drafts of one form while they are typed and when they are sent.
 *
 * Put it into the form, where its status line shall stand:
 *
 *     <form> … <draft-screen endpoint="/screening"></draft-screen> <button>Contact Customer</button> </form>
 *
 * Attributes
 * - `endpoint`    base of your same-origin proxy; the widget asks `endpoint/screen`, `endpoint/screenings/{id}`,
 *                 `endpoint/screenings/{id}/acknowledge` and `endpoint/screenings/{id}/appeal`
 * - `for`         id of the form, where the widget stands outside it
 * - `support-id`, `subject`, `body`  CSS selectors of the fields; by default `[name=support_id]` and so on, or
 *                 `[data-name=…]` for contenteditable
 * - `pause`       milliseconds of quiet before a preview (400)
 * - `budget`      milliseconds for all attempts of one exchange (8000)
 * - `on-failure`  `closed` (default): an unchecked draft is not sent; `open`: it is sent, marked unscreened, unless the
 *                 last thing that was heard of it is that it is blocked
 * - `merchant-id` opaque, sent along
 * - `context`     `reply`: the form answers a customer in an open ticket; by default it opens a new one
 * - `customer-message`  CSS selector of the element that shows the customer's message, for a reply
 * - `received-at` when that message came, as in RFC 3339: the widget then says by when the reply is due
 * - `keep-as`     name under which unsent text is kept in sessionStorage, for each Support ID by itself; by default the
 *                 path and the form's id, name or place in the page
 * - `lang`        of the widget or of whatever holds it: en, de, es, fr, it; the words of a language are a module beside
 *                 this one, `draft-screen.de.js` and so on
 *
 * When a draft may go, the widget fills the hidden inputs `screening_pass`, `screening_id` and
 * `screening_unscreened` and submits the form: your own submit handler, or the browser, takes it from there. Until you
 * call `sent()` or `refuse()`, or the page goes, further presses of the button do nothing (`aria-disabled`).
 *
 * A button with `data-unscreened` or `formnovalidate` ("Save draft") is left alone.
 *
 * Looks: custom properties `--draft-screen-allow`, `-warn`, `-block`, `-info`, `-ground`, `-ink`, `-edge`, `-size`;
 * light or dark follows the page's `color-scheme`.
 */
export class DraftScreen extends HTMLElement {
  /** What is known of the order; null leaves it to the service's order directory. */
  order: Order | null;
  /** The draft as it stands in the fields; line ends are LF. */
  readonly draft: Draft;
  readonly form: HTMLFormElement | null;
  readonly endpoint: string;
  readonly pause: number;
  readonly budget: number;
  /** Find the form and its fields again, after they were replaced. */
  attach(): void;
  /** Let go of the form. */
  detach(): void;
  /** Preview now instead of after the pause. */
  check(): Promise<void> | undefined;
  /** Tell the widget that the draft went out: it forgets the text and shows the reminders. */
  sent(): void;
  /** Tell the widget that your back end would not send it, and why: shown as text, nothing is lost. */
  refuse(reason: string): void;

  addEventListener<K extends keyof DraftScreenEventMap>(
    type: K,
    listener: (this: DraftScreen, event: DraftScreenEventMap[K]) => unknown,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject,
    options?: boolean | AddEventListenerOptions,
  ): void;
}

export interface Draft {
  support_id: string;
  /** Empty in a reply whose form has no such field. */
  subject: string;
  body: string;
}

export interface Order {
  cancelled_by?: "customer" | "merchant" | null;
  status?: string | null;
}

export interface DraftScreenEventMap extends HTMLElementEventMap {
  /** An answer was shown. */
  "draft-screen-verdict": CustomEvent<{ mode: "preview" | "send"; answer: Screening }>;
  /** The draft may go; preventDefault() keeps the form from being submitted, so that you send it yourself. */
  "draft-screen-release": CustomEvent<Release>;
}

export interface Release {
  pass: string;
  screening_id: string;
  unscreened: boolean;
  reminders: Reminder[];
}

export interface Screening {
  screening_id: string | null;
  decision: "allow" | "warn" | "block";
  labels: { label: string; probability: number; asserted: boolean; policy: "permitted" | "prohibited" }[];
  findings: Finding[];
  reminders: Reminder[];
  pass: string | null;
  context?: "reply";
  model_version: string;
  rules_version: string;
  policy_version: string;
}

/** `start` and `end` are UTF-16 units into the field's text, as JavaScript counts. */
export interface Finding {
  id: string;
  label: string | null;
  severity: "block" | "warn" | "info";
  field: keyof Draft | null;
  start: number | null;
  end: number | null;
  text: string | null;
  message: string;
  guidance: string;
  policy_ref: string;
  replacement?: string | null;
  /** What may be written in the place of [replace_start, replace_end); `condition` is what only the merchant knows. */
  replacements?: { text: string; condition: string | null }[];
  replace_start?: number | null;
  replace_end?: number | null;
}

export interface Reminder {
  id: string;
  message: string;
  reply_by?: string;
  /** Whether a reply came after `reply_by`; only where its customer's message has a moment. */
  late?: boolean;
}

declare global {
  interface HTMLElementTagNameMap {
    "draft-screen": DraftScreen;
  }
}
