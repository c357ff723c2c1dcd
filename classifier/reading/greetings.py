"""The words at both ends of a message that say nothing of its matter: a greeting, a sign-off with its names.

The models hear a draft without them, so that no verdict hangs on them. Rules still read every word.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

Range = tuple[int, int]
"""(first, end) token numbers."""

_GREETINGS = frozenset(
    "hi hello dear hey hiya greetings good hallo guten liebe lieber sehr bonjour hola buenos buenas estimado estimada "
    "querido querida ciao buongiorno buonasera gentile gentilissimo gentilissima salve salut chere cher madame "
    "monsieur moin servus".split()
)
_GREETING_ENDS = frozenset(",!:")
_LONGEST_GREETING, _MOST_GREETINGS = 4, 2
_SIGN_OFF_LINES = (
    "kind regards", "best regards", "warm regards", "warmest regards", "many regards", "with regards", "regards",
    "with kind regards", "with best regards", "best wishes", "with best wishes", "warm wishes", "all the best",
    "sincerely", "sincerely yours", "yours sincerely", "yours faithfully", "yours truly", "cheers", "thanks",
    "many thanks", "thank you", "thanks again", "take care", "best", "warmly", "respectfully", "cordially",
    "mit freundlichen grussen", "mit freundlichen gruessen", "mit besten grussen", "mit lieben grussen",
    "freundliche grusse", "viele grusse", "beste grusse", "liebe grusse", "herzliche grusse", "schone grusse", "gruss",
    "mfg", "lg", "vg", "hochachtungsvoll", "ihr team", "cordialement", "bien cordialement", "bien a vous",
    "bonne journee", "salutations", "sinceres salutations", "meilleures salutations", "un saludo", "un cordial saludo",
    "saludos", "saludos cordiales", "atentamente", "muy atentamente", "cordiali saluti", "distinti saluti", "saluti",
    "un cordiale saluto", "buona giornata", "a presto",
)  # fmt: skip
_SIGN_OFFS: dict[str, list[tuple[str, ...]]] = {}
for _line in _SIGN_OFF_LINES:
    _SIGN_OFFS.setdefault(_line.split()[0], []).append(tuple(_line.split()))
_BARE = frozenset((("thanks",), ("thank", "you"), ("many", "thanks"), ("thanks", "again"), ("best",), ("cheers",)))
"""Words that begin a sentence of matter as well: they sign off only where a comma, or nothing, follows."""

_MATTER = frozenset(
    "? i we you your he she it they if or why what how want wanted would could can will may might is are was were "
    "do does did have has been need please reply send sent order ordered cancel cancelled instead other another "
    "new ok okay yes no not but because so call link code discount free refund refunded address p ps ich wir sie "
    "ihr wenn oder warum bitte nous vous si ou pourquoi usted su o por perche lei".split()
)
"""Words that no name has: a line with one of them says something and is judged."""

_LONGEST_SIGN_OFF = 12
_LONGEST_NAME = 6


def without_courtesies(
    tokens: Sequence[str], sentences: Sequence[Range], subject_tokens: int, breaks: AbstractSet[int]
) -> list[Range]:
    """The sentences as the models hear them: the subject's, then the body's without greeting and sign-off; all of them
    where nothing would be left. A greeting that opens a longer sentence is cut off it. `breaks` are the numbers of the
    tokens that begin a line."""
    kept = [s for s in sentences if s[0] < subject_tokens]
    body = list(sentences[len(kept) :])
    if body:
        body = _unsigned(tokens, _ungreeted(tokens, body, breaks))
    return [*kept, *body] or list(sentences)


def _ungreeted(tokens: Sequence[str], body: list[Range], breaks: AbstractSet[int]) -> list[Range]:
    """Without greetings; some drafts greet twice, the shop and then the clerk."""
    for _ in range(_MOST_GREETINGS):
        after = _after_greeting(tokens, body[0][0], breaks) if body else None
        if after is None:
            break
        end = body[0][1]
        body = [(after, end), *body[1:]] if after < end else body[1:]
    return body


def _after_greeting(tokens: Sequence[str], first: int, breaks: AbstractSet[int]) -> int | None:
    """The place after a greeting that begins at `first`; None where none does."""
    if tokens[first] not in _GREETINGS:
        return None
    title = tokens[first + 2 : first + 3] == ["."]
    for at in range(first + 1, min(first + _LONGEST_GREETING + title, len(tokens))):
        if at in breaks or tokens[at] in _GREETING_ENDS:
            return at if at in breaks else at + 1
        if tokens[at] in _MATTER:
            return None
    return None


def greets(words: Sequence[str], length: int) -> bool:
    """Whether the first words of a line of `length` tokens are a greeting and nothing else."""
    return length <= 6 and words[0] in _GREETINGS and _MATTER.isdisjoint(words)


def _unsigned(tokens: Sequence[str], body: list[Range]) -> list[Range]:
    """Without the last sign-off and the names in the lines after it, if nothing else follows."""
    for at in range(len(body) - 1, -1, -1):
        words = tokens[slice(*body[at])]
        if signs_off(words):
            return body[:at]
        if not _is_a_name(words):
            return body
    return body


def signs_off(words: Sequence[str]) -> bool:
    """Whether a line of words is a sign-off."""
    if not words or len(words) > _LONGEST_SIGN_OFF or not _MATTER.isdisjoint(words):
        return False
    for line in _SIGN_OFFS.get(words[0], ()):
        n = len(line)
        if tuple(words[:n]) == line:
            rest = words[n:]
            return not rest or rest[0] in ",.!-" or line not in _BARE
    return False


def _is_a_name(words: Sequence[str]) -> bool:
    """Whether a line is short and says nothing that a customer could act on."""
    return len(words) <= _LONGEST_NAME and _MATTER.isdisjoint(words)
