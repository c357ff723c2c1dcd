"""Others' tools beside ours, on the same drafts in the same run: `python -m tests.benchmarks.peers [--drafts 200]`.

Each peer is used as its own guide says, called for one draft at a time. One that is not installed is left out, and the
table says so; none is a dependency of the project. All take turns draft by draft, so that a busy machine troubles all
alike; `cpu ms` is the processor time of this process and of those it waits for. Prints what each cannot do: a lower
cost buys less.

Presidio and MiniLM want `presidio-analyzer`, and `torch` with `sentence-transformers` and a folder of the weights
(`--minilm`, of all-MiniLM-L6-v2); Rspamd and SpamAssassin their Debian packages.
"""

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from classifier import Draft, Screener
from classifier.labels import LABELS
from classifier.matching.rulebook import Pattern, RuleBook
from tests.benchmarks.texts import drafts
from training.tickets.loading import load

ROUNDS = 3
_TRAINED_ON = 3_000
Judge = Callable[[Draft], object]


class NotInstalledError(Exception):
    """The peer is not on this machine; the text says what is missing."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A tool: how it judges one draft, and what it cannot do."""

    name: str
    judge: Judge
    lacks: str
    process: int | None = None
    """Where another process does the work, its number."""

    def processor_seconds(self) -> float:
        """Of this process and the peer's own, since they started."""
        if self.process is None:
            return time.process_time()
        on_a_core = Path(f"/proc/{self.process}/schedstat").read_text(encoding="ascii").split()[0]
        return time.process_time() + int(on_a_core) / 1e9


@dataclass(slots=True)
class Times:
    """Of each draft the least seconds by the clock and of processors, over the rounds."""

    clock: dict[int, float] = field(default_factory=dict)
    processors: dict[int, float] = field(default_factory=dict)

    def took(self, number: int, clock: float, processors: float) -> None:
        """One call for a draft."""
        self.clock[number] = min(clock, self.clock.get(number, clock))
        self.processors[number] = min(processors, self.processors.get(number, processors))


def words_of(draft: Draft) -> str:
    """What a tool without fields reads."""
    return f"{draft.subject}\n{draft.body}"


def ours(*, encoder: bool) -> Peer:
    """This project's screener, with its encoder or by rules and linear models alone."""
    screener = Screener.load()
    if not encoder:
        assert screener.artifact is not None
        artifact = replace(screener.artifact, encoder_folder=None)
        screener = Screener(policy=screener.policy, book=screener.book, artifact=artifact)
    lacks = "languages beside en, de, fr, es, it; what our writers did not think of"
    return Peer(f"ours, {'whole' if encoder else 'without encoder'}", screener.screen, lacks)


def expression(pattern: Pattern) -> str:
    """One of our patterns as a regular expression over text as typed."""
    parts = [r"(?<!\w)"]
    for element in pattern:
        words = r"\d+" if element.number else "|".join(map(re.escape, sorted(element.words)))
        if element.gap:
            parts.append(rf"(?:\S+\s+){{0,{element.gap}}}")
        else:
            parts.append(rf"(?:(?:{words})(?!\w)\W*){'?' if element.optional else ''}")
    return "".join(parts)


def presidio() -> Peer:
    """Presidio's analyzer over a blank pipeline, one recognizer a label, with our rules' patterns."""
    try:
        import spacy
        from presidio_analyzer import AnalyzerEngine, PatternRecognizer, RecognizerRegistry
        from presidio_analyzer import Pattern as TheirPattern
        from presidio_analyzer.nlp_engine import SpacyNlpEngine
    except ImportError as error:
        raise NotInstalledError(str(error)) from error

    class Blank(SpacyNlpEngine):  # type: ignore[misc]
        """spaCy without a model: the patterns need none."""

        def __init__(self) -> None:
            super().__init__()
            self.nlp = {"en": spacy.blank("en")}

    registry = RecognizerRegistry(recognizers=[])
    book = RuleBook.load()
    for label in LABELS:
        rules = [rule for rule in book.rules if rule.label is label and rule.status == "live"]
        patterns = [
            TheirPattern(f"{rule.id} {number}", expression(pattern), 0.9 if rule.strength == "strong" else 0.5)
            for rule in rules
            for number, pattern in enumerate(rule.patterns)
        ]
        registry.add_recognizer(PatternRecognizer(supported_entity=label.value.upper(), patterns=patterns))
    engine = AnalyzerEngine(registry=registry, nlp_engine=Blank(), supported_languages=["en"])

    def judge(draft: Draft) -> object:
        return engine.analyze(words_of(draft), language="en")

    return Peer(
        "Presidio, our patterns", judge, "disguised words, exceptions to a rule, sentences, what no pattern says"
    )


def scikit_learn() -> Peer:
    """A pipeline as its guide has it: TF-IDF of one to three words, one logistic regression a label."""
    try:
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import SGDClassifier
        from sklearn.multiclass import OneVsRestClassifier
        from sklearn.pipeline import make_pipeline
    except ImportError as error:
        raise NotInstalledError(str(error)) from error
    known = load()[:_TRAINED_ON]
    wanted = [[int(label in one.labels) for label in LABELS] for one in known]
    models = OneVsRestClassifier(SGDClassifier(loss="log_loss", random_state=7))
    pipeline = make_pipeline(TfidfVectorizer(ngram_range=(1, 3), min_df=3, sublinear_tf=True), models)
    pipeline.fit([words_of(one.draft) for one in known], wanted)

    def judge(draft: Draft) -> object:
        return pipeline.predict_proba([words_of(draft)])

    return Peer("scikit-learn pipeline", judge, "no words at fault, no policy, a sentence drowned in others, disguises")


def minilm(weights: Path | None) -> Peer:
    """all-MiniLM-L6-v2 under PyTorch in one thread, with a linear layer for six labels: its cost, not its judgement."""
    try:
        import torch
        from sentence_transformers import SentenceTransformer
    except ImportError as error:
        raise NotInstalledError(str(error)) from error
    if weights is None:
        raise NotInstalledError("the weights: --minilm FOLDER")
    torch.set_num_threads(1)
    model = SentenceTransformer(str(weights), device="cpu")
    head = torch.nn.Linear(384, len(LABELS))

    def judge(draft: Draft) -> object:
        with torch.inference_mode():
            return head(model.encode(words_of(draft), convert_to_tensor=True, show_progress_bar=False)).sigmoid()

    return Peer("MiniLM, PyTorch", judge, "no words at fault, no policy; reads 256 pieces and no more, English alone")


def as_mail(draft: Draft) -> bytes:
    """A draft as the mail filters read it."""
    head = f"From: shop@example.com\r\nTo: customer@example.com\r\nSubject: {' '.join(draft.subject.split())}\r\n"
    kind = "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
    return (head + kind + draft.body).encode("utf-8", "replace")


def filter_patterns() -> list[tuple[str, str]]:
    """(label, expression) of our live rules' patterns, for the mail filters."""
    rules = [rule for rule in RuleBook.load().rules if rule.label is not None and rule.status == "live"]
    return [(str(rule.label), expression(pattern)) for rule in rules for pattern in rule.patterns]


_PERL = """
use Mail::SpamAssassin; $| = 1; binmode STDIN; open(my $file, '<', $ARGV[0]); local $/ = undef; my $rules = <$file>;
my $filter = Mail::SpamAssassin->new({config_text => $rules, dont_copy_prefs => 1, local_tests_only => 1});
$filter->compile_now(0); print "ready\\n";
while (sysread(STDIN, my $size, 8) == 8) {
  my ($raw, $left) = ('', int($size));
  while ($left > 0) { my $n = sysread(STDIN, $raw, $left, length $raw); last unless $n; $left -= $n; }
  my $mail = $filter->parse($raw); my $status = $filter->check($mail);
  print $status->get_names_of_tests_hit(), "\\n"; $status->finish(); $mail->finish();
}
"""


@contextmanager
def spamassassin() -> Iterator[Peer]:
    """SpamAssassin's library in a Perl process of its own, our patterns as `body` rules, without its own."""
    perl = shutil.which("perl")
    if perl is None or subprocess.run([perl, "-MMail::SpamAssassin", "-e", "1"], capture_output=True).returncode:
        raise NotInstalledError("Perl's Mail::SpamAssassin")
    rules = "loadplugin Mail::SpamAssassin::Plugin::Check\nutil_rb_tld com\n" + "\n".join(
        f"body OURS_{number} /{pattern.replace('/', chr(92) + '/')}/i\nscore OURS_{number} 1"
        for number, (_, pattern) in enumerate(filter_patterns())
    )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rules.cf"
        file.write_text(rules, encoding="utf-8")
        with _talking(perl, "-e", _PERL, str(file)) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            stdin, stdout = process.stdin, process.stdout

            def judge(draft: Draft) -> object:
                mail = as_mail(draft)
                stdin.write(b"%08d%b" % (len(mail), mail))
                stdin.flush()
                return stdout.readline()

            lacks = "disguises, exceptions, order state, where the words stand"
            yield Peer("SpamAssassin, our patterns", judge, lacks, process.pid)


@contextmanager
def _talking(*command: str) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        if process.stdout.readline() != b"ready\n":
            raise NotInstalledError(f"{command[0]} does not start")
        yield process
    finally:
        assert process.stdin is not None
        with suppress(OSError):
            process.stdin.close()
        process.wait(20)


def rspamd() -> Peer:
    """Rspamd as it runs on this machine, asked over HTTP, with whatever rules it has: its rules are its own."""
    import httpx

    client = httpx.Client(base_url=os.environ.get("RSPAMD_URL", "http://127.0.0.1:11333"), timeout=10)
    try:
        client.get("/ping").raise_for_status()
    except httpx.HTTPError as error:
        raise NotInstalledError(f"no Rspamd answers at {client.base_url}") from error

    def judge(draft: Draft) -> object:
        return client.post("/checkv2", content=as_mail(draft)).json()

    return Peer(
        "Rspamd, its own rules", judge, "our labels without rules of its own; its processor time is not counted"
    )


def measured(peers: Sequence[Peer], asked: Sequence[Draft]) -> list[Times]:
    """Each peer's times; they take turns at every draft. The first round warms up."""
    times = [Times() for _ in peers]
    for round_ in range(ROUNDS + 1):
        for number, draft in enumerate(asked):
            for peer, found in zip(peers, times, strict=True):
                processors, clock = peer.processor_seconds(), time.perf_counter()
                peer.judge(draft)
                taken = time.perf_counter() - clock
                if round_:
                    found.took(number, taken, peer.processor_seconds() - processors)
    return times


def table(peers: Sequence[Peer], times: Sequence[Times]) -> Iterator[str]:
    """The peers as lines of text, and what each cannot do."""
    yield f"{'a draft':28} {'median ms':>10} {'p99 ms':>9} {'cpu ms':>9} {'over ours':>10}   cannot do"
    base = statistics.median(times[0].processors.values())
    for peer, found in zip(peers, times, strict=True):
        clock = sorted(found.clock.values())
        cpu = statistics.median(found.processors.values())
        yield (
            f"{peer.name:28} {statistics.median(clock) * 1000:10.3f} {clock[int(len(clock) * 0.99)] * 1000:9.3f} "
            f"{cpu * 1000:9.3f} {cpu / base:10.1f}   {peer.lacks}"
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--drafts", type=int, default=200)
    parser.add_argument("--minilm", type=Path, help="folder of all-MiniLM-L6-v2")
    parser.add_argument("--json", type=Path, help="a file for the figures as JSON")
    given = parser.parse_args()
    asked = [Draft(one["support_id"], one["subject"], one["body"]) for one in drafts()[: given.drafts]]
    with ExitStack() as open_ones:
        peers = [ours(encoder=False), ours(encoder=True)]
        makers: list[tuple[str, Callable[[], Peer]]] = [
            ("Presidio", presidio),
            ("scikit-learn", scikit_learn),
            ("MiniLM", lambda: minilm(given.minilm)),
            ("SpamAssassin", lambda: open_ones.enter_context(spamassassin())),
            ("Rspamd", rspamd),
        ]
        left_out = []
        for name, make in makers:
            try:
                peers.append(make())
            except NotInstalledError as error:
                left_out.append(f"{name} is left out: {error}")
        times = measured(peers, asked)
    print("\n".join([*table(peers, times), *left_out]))
    if given.json:
        rows = {
            peer.name: {
                "median_ms": statistics.median(found.clock.values()) * 1000,
                "p99_ms": sorted(found.clock.values())[int(len(asked) * 0.99)] * 1000,
                "cpu_ms": statistics.median(found.processors.values()) * 1000,
            }
            for peer, found in zip(peers, times, strict=True)
        }
        given.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
