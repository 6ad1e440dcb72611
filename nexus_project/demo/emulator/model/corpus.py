"""Sentences and code about plausible software work: what the emulator says.

A text is chosen by the caller's random source, so the same request gets the same words.
"""

import random
from dataclasses import dataclass

Source = random.Random


@dataclass(frozen=True, slots=True)
class Topic:
    """Words that point to the topic, sentences about it and a piece of code."""

    words: tuple[str, ...]
    sentences: tuple[str, ...]
    code: str


TOPICS = (
    Topic(
        ("test", "failing", "pytest", "flaky", "assert"),
        (
            "The test fails because two workers share the same temporary directory, so the second run "
            "sees the first one's lock file.",
            "I moved the directory into a fixture, and each test now gets its own.",
            "The assertion compared a naive datetime with an aware one; both sides are in UTC now.",
            "I ran the file fifty times in random order and it passed each time.",
            "The remaining slow test waits for a real timeout; a shorter limit would make it prove less.",
        ),
        "```python\n@pytest.fixture\ndef inbox(tmp_path: Path) -> Inbox:\n"
        '    return Inbox(tmp_path / "inbox")\n```',
    ),
    Topic(
        ("migration", "database", "query", "index", "sql", "postgres", "slow"),
        (
            "The query reads the whole table, because the index starts with a column that no filter names.",
            "An index on `(account_id, created_at DESC)` serves both the filter and the order.",
            "Build it concurrently, so that writers are not blocked while it grows.",
            "With it the plan becomes an index scan, and the page needs 4 ms in place of 2.3 s.",
            "The old index has had no scan in a month, and can go in the next release.",
        ),
        "```sql\nCREATE INDEX CONCURRENTLY invoice_by_account\n"
        "    ON invoice (account_id, created_at DESC);\n```",
    ),
    Topic(
        ("api", "endpoint", "timeout", "retry", "webhook", "http", "request"),
        (
            "The client retries at once, so a short outage turns into a flood of the same requests.",
            "I added a backoff with jitter, and it obeys `Retry-After` when the server sends one.",
            "Deliveries carry an idempotency key now, so a repeated one changes nothing.",
            "A timeout of 30 s for the whole call hides a slow connect; they are two limits now.",
            "The handler answers 202 and leaves the work to the queue.",
        ),
        "```python\ndelay = min(cap, base * 2**attempt) * random.uniform(0.5, 1.0)\n"
        "await asyncio.sleep(response.retry_after or delay)\n```",
    ),
    Topic(
        ("page", "css", "layout", "button", "form", "react", "component", "table"),
        (
            "The table jumps because its column widths follow the longest cell of the page just loaded.",
            "A fixed layout with one flexible column keeps it still.",
            "The button is a link without a target, so a keyboard never reaches it; it is a real button now.",
            "The colours of the warning have a contrast of 4.8 to 1, which is enough for small text.",
            "On a narrow screen the filter wraps below the title, and nothing is cut off.",
        ),
        "```css\n.ledger { table-layout: fixed; width: 100%; }\n"
        ".ledger td.name { text-overflow: ellipsis; }\n```",
    ),
    Topic(
        ("refactor", "module", "class", "function", "clean", "rename", "import"),
        (
            "The module does three things: it reads the file, checks it and writes the report.",
            "I split it along those lines; each part can be tested without the others.",
            "The import cycle is gone, because the types that both sides need have their own file.",
            "No behaviour changes: the tests are the same as before and pass.",
            "The longest function is 24 lines now, down from 180.",
        ),
        "```python\ndef report(path: Path) -> Report:\n    return summarize(check(read_rows(path)))\n```",
    ),
)

OPENINGS = ("I had a look.", "Here is what I found.", "Done.", "Short answer first.", "That was a good hint.")
CLOSINGS = (
    "Shall I open a pull request?",
    "Tell me if you want it split into two commits.",
    "Nothing else in the repository depends on it.",
    "I left the public interface as it was.",
)
BEFORE_TOOL = (
    "Let me check that.",
    "I will look at the file first.",
    "One moment, I will try it.",
    "Next step:",
)
THOUGHTS = (
    "The question names a symptom, so the cause has to be found before anything is changed.",
    "Two explanations fit. The first one predicts that it fails only under load.",
    "The smallest change that solves this touches one function.",
    "It would be wrong to guess here; the log shows the order of events.",
    "The user asked for a short answer, so the details go last.",
)


def topic_of(question: str, source: Source) -> Topic:
    """Return the topic that most words of the question point to; without any, a random one."""
    asked = question.lower()
    scores = [sum(word in asked for word in topic.words) for topic in TOPICS]
    return TOPICS[scores.index(max(scores))] if any(scores) else source.choice(TOPICS)


def reply_text(question: str, source: Source) -> str:
    """Return an answer of a few sentences, often with code."""
    topic = topic_of(question, source)
    sentences = source.sample(topic.sentences, k=source.randint(2, 4))
    parts = [f"{source.choice(OPENINGS)} {' '.join(sentences[:2])}"]
    if source.random() < 0.7:
        parts.append(topic.code)
    parts.append(" ".join([*sentences[2:], source.choice(CLOSINGS)]))
    return "\n\n".join(parts)


def long_text(question: str, source: Source, size: int) -> str:
    """Return exactly `size` ASCII characters."""
    text = reply_text(question, source)
    while len(text) < size:
        text += "\n\n" + reply_text(question, source)
    return text[:size]


def thinking_text(source: Source) -> str:
    return " ".join(source.sample(THOUGHTS, k=3))
